//! `chartgate run`: scenarios on a cluster, and the verdict.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use chartgate::ending::Ending;
use chartgate::gate::{self, Course, OnFailure};
use chartgate::matrix;
use chartgate::progress::{Loudness, Show};
use chartgate::repeat;
use chartgate::shard::{self, Part};
use chartgate_base::stdio;
use chartgate_cluster::KubeContext;
use chartgate_model::plan::{Plan, StubImages};
use chartgate_process::home;
use chartgate_report::github;
use chartgate_runner::origin::Pulled;
use chartgate_runner::run::{BackingPlace, Options, PullSecret};
use chartgate_runner::stop::Stop;
use chartgate_scenario::{ImageOverride, Overrides};

use super::common::{Common, Voice, duration};
use super::interrupt;

/// What is run, on what, and where the reports go.
#[derive(clap::Args)]
pub struct Arguments {
    /// Scenario files, charts (whose own scenarios or ci/*-values.yaml are run), or directories of either; by default the chart in the
    /// working directory, else scenarios/
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Chart to put in the contract's chart's place: a directory, or oci://…:VERSION
    #[arg(long, value_name = "CHART")]
    chart: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
    /// Image in place of one of the contract's, for every version or for one (repeatable)
    #[arg(long = "image", value_name = "NAME[@VERSION]=REPO[:TAG]")]
    images: Vec<ImageOverride>,
    /// Values file above the scenario's values (repeatable)
    #[arg(long, value_name = "FILE")]
    values: Vec<PathBuf>,
    /// Replace the program of every container by a stub that plays it: no image is needed, and what the application itself answers is
    /// not examined. With `=missing`, only images that can neither be pulled nor loaded
    #[arg(long, value_name = "WHICH", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    stub_images: Option<Stubs>,
    /// Install and upgrade a chart that has no scenarios, and leave out the rest of a release's life
    #[arg(long)]
    quick: bool,
    /// Helm major version, or several: `3,4`; by default the one that harness/versions.env names
    #[arg(long, env = "HELM", value_parser = ["3", "4"], value_delimiter = ',')]
    helm: Vec<String>,
    /// Kubernetes minor version, or several: `1.34,1.37`; by default the one that harness/versions.env names [env: KUBERNETES]
    // Read from the environment later: clap would take the variable for an option that conflicts.
    #[arg(long, value_name = "KUBERNETES", value_delimiter = ',')]
    kubernetes: Vec<String>,
    /// Context of your kubeconfig whose cluster to use, in namespaces of its own. A cluster that is not kind's on this machine
    /// pulls all images itself: chartgate's own from `--image-registry`
    #[arg(long, value_name = "NAME", conflicts_with = "kubernetes")]
    context: Option<String>,
    /// Registry, or a place in it, from which the cluster pulls chartgate's own images under their names: `registry.example/team`
    #[arg(long, value_name = "REF", env = "CHARTGATE_IMAGE_REGISTRY", value_parser = registry)]
    image_registry: Option<String>,
    /// Secret with which the cluster pulls them: one of the context's namespace, or of another
    #[arg(long, value_name = "[NAMESPACE/]NAME", conflicts_with = "stub_images")]
    image_pull_secret: Option<PullSecret>,
    /// Where backing servers run: `engine`, beside a kind cluster of this machine, or `in-cluster`, as pods in a namespace of chartgate's own;
    /// by default beside the cluster if its pods reach them there
    #[arg(long, value_name = "WHERE", env = "CHARTGATE_BACKING")]
    backing: Option<BackingPlace>,
    /// Leave the cluster and the namespaces for a look
    #[arg(long, env = "KEEP", value_parser = clap::builder::FalseyValueParser::new(), default_value_t = false)]
    #[arg(num_args = 0, action = clap::ArgAction::SetTrue)]
    keep: bool,
    /// Leave the shared cluster for the next run, for so long; `10m` if no time is given
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "10m")]
    #[arg(value_parser = duration)]
    keep_warm: Option<Duration>,
    /// How long a pod that cannot start, for a reason that does not pass by itself (an image that does not exist, a Secret that nothing
    /// makes), is watched before its step is ended
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    patience: Duration,
    #[command(flatten)]
    voice: Voice,
    #[command(flatten)]
    failing: Failing,
    /// Only part K of N of the scenarios, the same on each machine; `chartgate merge` makes one report of all N
    #[arg(long, value_name = "K/N")]
    shard: Option<Part>,
    /// Directory of an earlier run: shards take equally long by how long its scenarios took. The same for each shard
    #[arg(long, value_name = "DIR", requires = "shard")]
    durations: Option<PathBuf>,
}

/// Which images are replaced.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Stubs {
    /// All of the release's
    All,
    /// Those that can neither be pulled nor loaded
    Missing,
}

/// What becomes of the other scenarios when one does not pass.
#[derive(clap::Args)]
struct Failing {
    /// At the first scenario that fails or is void, end those that run and begin no other
    #[arg(long, conflicts_with = "keep_going")]
    fail_fast: bool,
    /// Run every scenario to its end, whatever becomes of the others; on a cluster also where a check is red that needs none
    #[arg(long)]
    keep_going: bool,
}

impl Arguments {
    /// Runs the scenarios and says how it ended.
    pub async fn run(self) -> Result<Ending> {
        let loudness = self.voice.loudness();
        let (show, stop) = (Show::new(loudness), Stop::default());
        interrupt::listening(&show, &stop, Box::pin(self.carry_out(loudness, &show, &stop))).await
    }

    async fn carry_out(self, loudness: Loudness, show: &Show, stop: &Stop) -> Result<Ending> {
        let Self { failing, common: Common { out, .. }, .. } = &self;
        let on_failure = if failing.fail_fast { OnFailure::FailFast } else { OnFailure::KeepGoing };
        let prepared = stop.unless(self.prepare()).await?;
        let Prepared { mut plans, columns, overrides, _pulled } = prepared;
        let mut shard = None;
        if let Some(part) = self.shard {
            let durations = self.durations.as_deref().map(shard::durations).transpose()?.unwrap_or_default();
            (plans, shard) = shard::select(plans, part, &durations).map(|(plans, shard)| (plans, Some(shard)))?;
        }
        let mut jobs = matrix::cross(&plans, &columns);
        for job in &mut jobs {
            repeat::note(&mut job.plan, &overrides, &job.options);
        }
        let files: BTreeMap<_, _> = plans.iter().map(|plan| (plan.name.clone(), file_of(plan))).collect();
        let report = gate::run(jobs, out, &Course { on_failure, shard }, show, stop).await?;
        show.end();
        chartgate_report::append_to_job_summary(&report)?;
        let ending = super::conclude(&report, out, loudness)?;
        if github::is_here() {
            stdio::print(github::annotations(&report, |name| files.get(name).map(PathBuf::as_path)))?;
        }
        Ok(ending)
    }

    /// All that is known before anything runs.
    async fn prepare(&self) -> Result<Prepared> {
        if let Some(registry) = &self.image_registry {
            home::set_image_registry(registry.clone());
        }
        let overrides = Overrides {
            chart: self.chart.clone(),
            values_files: self.values.clone(),
            images: self.images.clone(),
            stub_images: match self.stub_images {
                None => StubImages::Off,
                Some(Stubs::All) => StubImages::All,
                Some(Stubs::Missing) => StubImages::Missing,
            },
            is_quick: self.quick,
            ..self.common.overrides()
        };
        let given = |versions: &[String]| (!versions.is_empty()).then(|| versions.to_vec());
        let helms = given(&self.helm).map_or_else(|| home::version("HELM").map(|helm| vec![helm.to_owned()]), Ok)?;
        let pulled = Pulled::of(overrides.chart.as_deref(), &helms[0]).await?;
        let plans = chartgate_scenario::plans(&self.paths, &in_place(&overrides, pulled.as_ref()))?;
        let context = self.context.as_deref().map(KubeContext::read).transpose()?;
        let kubernetes = match (&context, given(&self.kubernetes)) {
            (Some(context), _) => vec![context.version().await?],
            (None, Some(minors)) => minors,
            (None, None) => home::kubernetes()?.split(',').map(str::to_owned).collect(),
        };
        let options = Options {
            context,
            keep: self.keep,
            checks_first: !self.failing.keep_going,
            keep_warm: self.keep_warm,
            patience: self.patience,
            pull_secret: self.image_pull_secret.clone(),
            backing: self.backing,
            ..Options::new(String::new(), String::new())
        };
        let columns = matrix::columns(&kubernetes, &helms, &options);
        Ok(Prepared { plans, columns, overrides, _pulled: pulled })
    }
}

/// A place in a registry: a host, and what comes before an image's name.
fn registry(text: &str) -> Result<String, String> {
    let is_place = !text.contains("://") && !text.contains('@') && !text.contains(char::is_whitespace);
    let has_tag = text.rsplit_once('/').is_some_and(|(_, last)| last.contains(':'));
    let expected =
        "expected a registry, or a place in it, such as `registry.example/team`: no scheme, and no image's name or tag";
    if is_place && !has_tag && !text.trim_matches('/').is_empty() {
        Ok(text.to_owned())
    } else {
        Err(expected.to_owned())
    }
}

/// What is run, and with what.
struct Prepared {
    plans: Vec<Plan>,
    /// For each pair of versions.
    columns: Vec<Options>,
    overrides: Overrides,
    /// Its folder is there for as long as this.
    _pulled: Option<Pulled>,
}

/// Where a scenario's notes belong: its file, or that of a chart that has none; as GitHub knows it.
fn file_of(plan: &Plan) -> PathBuf {
    let file = plan.file.clone().unwrap_or_else(|| plan.chart.path.join("Chart.yaml"));
    let workspace = std::env::var_os("GITHUB_WORKSPACE").map(PathBuf::from);
    let relative = workspace.and_then(|root| Some(file.canonicalize().ok()?.strip_prefix(root).ok()?.to_owned()));
    relative.unwrap_or(file)
}

/// The overrides, with the chart that was pulled in its reference's place.
fn in_place(overrides: &Overrides, pulled: Option<&Pulled>) -> Overrides {
    let chart = pulled.map(|pulled| pulled.chart().to_owned()).or_else(|| overrides.chart.clone());
    Overrides { chart, ..overrides.clone() }
}
