//! What is known of a run before there is a cluster: all that can be rendered with placeholders.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use chartgate_cluster::backing::servers;
use chartgate_cluster::{Databases, Request};
use chartgate_model::plan::{Expect, Plan, StubImages};
use chartgate_process::home;
use chartgate_redact::Redactor;
use serde_json::Value;

use super::render::{self, Render};
use super::stage::ServersAt;
use super::{Options, apply, demand, need, outside, require, scope, stage, stub};
use crate::helm::Helm;
use crate::record::conceal::teach;

/// A chart that does not render needs no cluster, and images are put on the nodes before the first pod asks for one.
pub struct Rehearsal {
    /// Renders for the kinds that the contract requires.
    pub helm: Helm,
    /// What the contract requires, templates and all.
    pub required: Vec<Value>,
    /// What the steps apply beside the release.
    applied: Vec<Value>,
    /// A render for each step.
    pub steps: Vec<Render>,
    /// Those of steps that take over the release's values, as if they were given the plan's.
    reusing: Vec<Render>,
    /// All images that pods may need.
    pub images: Vec<String>,
    /// Those of them that are no chart's: chartgate's own, and what the contract requires.
    own_images: Vec<String>,
    /// The images that a stub run leaves as they are; `None`: it is none.
    pub kept: Option<BTreeSet<String>>,
    /// Where the servers run.
    pub servers: ServersAt,
}

impl Rehearsal {
    /// Renders every step, and teaches the redactor the secrets in it.
    pub async fn of(plan: &Plan, options: &Options, ns: &str, redactor: &Redactor) -> Result<Self> {
        let required = require::read(&plan.requires).await?;
        let kubernetes = home::kubernetes_release(&options.kubernetes);
        let helm = Helm::new(home::helm_version(&options.helm)?, &kubernetes, ns, redactor.clone())?;
        let helm = helm.rendering_for(&kubernetes, require::served(&required)).harming(plan)?;
        let placeholders = stage::placeholders(plan, ns);
        let applied = apply::known(plan, &placeholders)?;
        let known = render::filled(plan, &placeholders)?;
        let reusing = render::without_reuse(known.clone());
        let (steps, reusing) = tokio::try_join!(render::all(&known, &helm), render::all(&reusing, &helm))?;
        let (images, own_images, kept, servers) = (Vec::new(), Vec::new(), None, ServersAt::Engine);
        let mut this = Self { helm, required, applied, steps, reusing, images, own_images, kept, servers };
        if need::has_servers_in_cluster(options).await? {
            this.servers = ServersAt::Cluster { namespaces: scope::namespaces(this.objects()) };
        }
        this.objects().for_each(|object| teach(redactor, object));
        let mut of_release: Vec<String> = this.rendered().flat_map(need::images_of).collect();
        let kept = stub::kept(plan, &of_release).await?;
        if plan.stub_images == StubImages::All {
            of_release.clear();
        }
        let required = require::filled(&this.required, &placeholders)?;
        let beside = required.iter().chain(&this.applied).flat_map(need::images_of);
        let own: BTreeSet<String> = beside.chain([home::prober()?]).chain(this.servers.images(plan)?).collect();
        let images: BTreeSet<String> = own.iter().cloned().chain(of_release).collect();
        this.images = images.into_iter().collect();
        this.own_images = own.into_iter().collect();
        this.kept = kept;
        Ok(this)
    }

    /// The images of pods that are not the chart's.
    pub fn own_images(&self) -> &[String] {
        &self.own_images
    }

    /// The chart's images that the cluster surely pulls. With the chart's own Secrets it may pull what nobody else can: then none is tried.
    pub fn images_to_pull(&self, plan: &Plan) -> Vec<String> {
        if plan.stub_images != StubImages::Off || self.rendered().any(need::has_pull_secrets) {
            return Vec::new();
        }
        let needed = need::needed_images(plan, &self.steps);
        needed.into_iter().filter(|image| !self.own_images.contains(image)).collect()
    }

    /// The objects of each render.
    pub fn renders(&self) -> impl Iterator<Item = &Vec<Value>> {
        render::objects(&self.steps).chain(render::objects(&self.reusing))
    }

    /// What helm renders.
    pub fn rendered(&self) -> impl Iterator<Item = &Value> {
        self.renders().flatten()
    }

    /// What steps apply beside the release.
    pub fn applied(&self) -> impl Iterator<Item = &Value> {
        self.applied.iter()
    }

    /// Whether the contract requires something of the cluster.
    pub fn has_required(&self) -> bool {
        !self.required.is_empty()
    }

    /// What the scenario makes in the cluster, but for what the contract requires.
    pub fn objects(&self) -> impl Iterator<Item = &Value> {
        self.rendered().chain(&self.applied)
    }

    /// Whether helm refuses a step that is to succeed for a reason that no cluster changes.
    pub fn is_refused(&self, plan: &Plan) -> bool {
        // What a chart asks the cluster decides there; any other refusal is one for each user, too.
        let mut refused = self.steps.iter().flatten().filter_map(|render| render.as_ref().err());
        refused.any(|refused| !refused.asks_cluster) && plan.steps.iter().all(|step| step.expect == Expect::Succeeds)
    }

    /// What the plan needs of a cluster.
    pub fn request(&self, plan: &Plan, options: &Options, ns: &str) -> Result<Request> {
        let is_stubbed = plan.stub_images != StubImages::Off;
        let (postgres, servers) = match self.servers {
            ServersAt::Engine => (need::databases(plan), servers(plan)?),
            ServersAt::Cluster { .. } => (Databases::None, BTreeMap::new()),
        };
        Ok(Request {
            run: plan.name.clone(),
            kubernetes: options.kubernetes.clone(),
            context: options.context.clone(),
            sharing: need::sharing(plan, options, self, ns)?,
            reaches: outside::of(self.objects(), ns).iter().map(ToString::to_string).collect(),
            millicores: demand::millicores(plan, self.renders()).saturating_add(self.servers.millicores(plan)),
            images: self.images.clone(),
            needed_images: if is_stubbed { Vec::new() } else { need::needed_images(plan, &self.steps) },
            postgres,
            servers,
            keep: options.keep,
            keep_warm: options.keep_warm,
            process: std::process::id(),
        })
    }
}
