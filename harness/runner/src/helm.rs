//! The real `helm`, in the version that the run was asked for.

mod post_render;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_model::plan::{Action, EffectOnRelease, Plan, Step};
use chartgate_process::home;
use chartgate_process::tool::{Interrupt, Output, Tool};
use chartgate_redact::Redactor;
use chartgate_yaml::Manifest;
use serde::Deserialize;
use serde_json::Value;

use crate::progress::Progress;
use post_render::PostRenderer;

/// Rendering takes well under a second; a chart that takes this long hangs.
const RENDER_LIMIT: Duration = Duration::from_secs(60);

/// Helm ends by itself at its `--timeout`; this much later it hangs.
const GRACE: Duration = Duration::from_secs(30);

/// Helm on one release.
#[derive(Clone)]
pub struct Helm {
    program: PathBuf,
    version: String,
    /// `None`: without a cluster, only rendering works.
    kubeconfig: Option<PathBuf>,
    ns: String,
    /// Version that charts are rendered for, for example `1.34.4`.
    kubernetes: String,
    /// Groups, versions and kinds that charts are told of besides those that helm itself knows: `GROUP/VERSION[/KIND]`.
    api_versions: Vec<String>,
    /// What this helm calls rolling back by itself.
    rolls_back: &'static str,
    redactor: Redactor,
    progress: Option<Progress>,
    /// What puts a mutant's harm into the manifests of the chart under test.
    post_renderer: Option<PostRenderer>,
}

/// What `helm status` says of a release.
#[derive(Clone, Debug, Deserialize)]
pub struct Status {
    /// Revision number, from 1.
    pub version: u32,
    /// State of the revision.
    pub info: Info,
    /// Objects of the release, hooks not included, as YAML.
    #[serde(default)]
    pub manifest: String,
    /// The chart's hooks.
    #[serde(default)]
    pub hooks: Vec<Hook>,
    /// The values that it was given, the chart's own not included.
    #[serde(default)]
    pub config: Option<Value>,
}

/// State of a revision.
#[derive(Clone, Debug, Deserialize)]
pub struct Info {
    /// `deployed`, `failed`, `pending-upgrade`, …
    pub status: String,
    /// What became of it, in helm's words.
    #[serde(default)]
    pub description: String,
}

/// A hook as helm stores it.
#[derive(Clone, Debug, Deserialize)]
pub struct Hook {
    /// Its object, as YAML.
    pub manifest: String,
    /// The template that made it: `CHART/templates/FILE`.
    #[serde(default)]
    pub path: String,
    /// `helm.sh/hook` events.
    #[serde(default)]
    pub events: Vec<String>,
    /// `helm.sh/hook-weight`.
    #[serde(default)]
    pub weight: i64,
}

impl Status {
    /// What the release holds, hooks first.
    fn objects_and_hooks(&self) -> Result<Manifest> {
        let mut all = Manifest::default();
        for hook in &self.hooks {
            all.extend(hook.objects()?);
        }
        all.extend(Manifest::read(&self.manifest)?);
        Ok(all)
    }
}

impl Hook {
    /// Its object, and the template that made it.
    ///
    /// # Errors
    /// If it is not YAML.
    pub fn objects(&self) -> Result<Manifest> {
        Manifest::of_template(&self.manifest, &self.path)
    }
}

impl Helm {
    /// A version of helm for a namespace of a cluster; without a kubeconfig it can only render.
    ///
    /// # Errors
    /// [`Environment`](home::Environment) if it is not there.
    pub fn new(version: &str, kubernetes: &str, ns: &str, redactor: Redactor) -> Result<Self> {
        Ok(Self::at(home::tool("helm", version)?, version, kubernetes, ns, redactor))
    }

    /// A helm that is already known to be at a path; it can only render.
    pub fn at(program: PathBuf, version: &str, kubernetes: &str, ns: &str, redactor: Redactor) -> Self {
        let rolls_back = if version.starts_with("3.") { "--atomic" } else { "--rollback-on-failure" };
        Self {
            program,
            version: version.to_owned(),
            kubeconfig: None,
            ns: ns.to_owned(),
            kubernetes: kubernetes.to_owned(),
            api_versions: Vec::new(),
            rolls_back,
            redactor,
            progress: None,
            post_renderer: None,
        }
    }

    /// The same helm, which puts the harm of the plan's mutant, if it is one, into what the chart under test renders.
    ///
    /// # Errors
    /// [`Environment`](home::Environment) if its post-renderer cannot be set up.
    pub fn harming(mut self, plan: &Plan) -> Result<Self> {
        self.post_renderer = plan.mutant.as_deref().map(|it| PostRenderer::new(it, &self.version)).transpose()?;
        Ok(self)
    }

    /// Its own version, for example `3.22.0`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The version of Kubernetes that it renders for, for example `1.34`.
    pub fn kubernetes(&self) -> &str {
        &self.kubernetes
    }

    /// The same helm, on a cluster.
    #[must_use]
    pub fn on_cluster(self, kubeconfig: &Path) -> Self {
        Self { kubeconfig: Some(kubeconfig.to_owned()), ..self }
    }

    /// The helm that carries out a step: the one of the major version that the step names, else this one.
    ///
    /// # Errors
    /// [`Environment`](home::Environment) if it is not there.
    pub fn of_step(&self, step: &Step) -> Result<Self> {
        let Some(major) = &step.helm else { return Ok(self.clone()) };
        let version = home::helm_version(major)?;
        let own = Self::new(version, &self.kubernetes, &self.ns, self.redactor.clone())?;
        let post_renderer = self.post_renderer.as_ref().map(|it| it.for_helm(&own.version)).transpose()?;
        let (program, version, rolls_back) = (own.program, own.version, own.rolls_back);
        Ok(Self { program, version, rolls_back, post_renderer, ..self.clone() })
    }

    /// The same helm, in another namespace.
    #[must_use]
    pub fn in_namespace(self, ns: &str) -> Self {
        Self { ns: ns.to_owned(), ..self }
    }

    /// The same helm, which renders charts as for a cluster of this version of Kubernetes that serves these groups, versions and kinds.
    #[must_use]
    pub fn rendering_for(self, kubernetes: &str, api_versions: Vec<String>) -> Self {
        Self { kubernetes: kubernetes.to_owned(), api_versions, ..self }
    }

    /// The same helm, which renders charts as for a cluster that serves these groups, versions and kinds, too.
    #[must_use]
    pub fn serving(mut self, api_versions: impl IntoIterator<Item = String>) -> Self {
        self.api_versions.extend(api_versions);
        self
    }

    /// The same helm, whose words in a step are told as they come.
    #[must_use]
    pub fn telling(self, progress: &Progress) -> Self {
        Self { progress: Some(progress.clone()), ..self }
    }

    /// Renders the chart as a step would; on a cluster `lookup` finds what is there. The inner error is helm's refusal.
    pub async fn template(&self, plan: &Plan, step: &Step, values: &Value) -> Result<Result<Manifest, String>> {
        let mut args = vec!["template".to_owned(), plan.release.clone()];
        // `helm template` asks no cluster for its version and kinds, and believes in those that it was built with.
        args.extend(["--kube-version".to_owned(), self.kubernetes.clone()]);
        args.extend(self.api_versions.iter().flat_map(|known| ["--api-versions".to_owned(), known.clone()]));
        args.extend(self.kubeconfig.as_ref().map(|_| "--dry-run=server".to_owned()));
        if step.action == Action::Upgrade {
            args.push("--is-upgrade".to_owned());
        }
        args.extend(self.chart_args(plan, step));
        // What a chart's `crds/` holds is no template, but it comes with the release.
        args.push("--include-crds".to_owned());
        let output = match self.render(args, values).await? {
            Ok(output) => output,
            Err(refusal) => return Ok(Err(refusal)),
        };
        Ok(Manifest::read(&output.stdout).map_err(|error| format!("{error:#}")))
    }

    /// Renders an upgrade on top of the release's own values, which only the cluster has. The inner error is helm's refusal.
    pub async fn template_reusing(&self, plan: &Plan, step: &Step, values: &Value) -> Result<Result<Manifest, String>> {
        let mut args = vec!["upgrade".to_owned(), plan.release.clone()];
        args.extend(self.chart_args(plan, step));
        args.extend(["--reuse-values", "--dry-run=client", "--output", "json"].map(str::to_owned));
        let output = match self.render(args, values).await? {
            Ok(output) => output,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let release: Status =
            serde_json::from_str(&output.stdout).context("parse the output of `helm upgrade --dry-run`")?;
        Ok(release.objects_and_hooks().map_err(|error| format!("{error:#}")))
    }

    /// Calls helm to render. The inner error is its refusal: of one that was killed, or ran past its limit, nothing is known.
    async fn render(&self, args: Vec<String>, values: &Value) -> Result<Result<Output, String>> {
        let call = self.call(args, RENDER_LIMIT).stdin(values.to_string());
        let output = call.run_unchecked().await?;
        match output.status.and_then(|status| status.code()) {
            Some(0) => Ok(Ok(output)),
            Some(_) => Ok(Err(output.stderr.trim().to_owned())),
            None => Err(call.failure(&output)),
        }
    }

    /// The arguments that carry out a step.
    pub fn args(&self, plan: &Plan, step: &Step) -> Vec<String> {
        let mut args = vec![step.verb().to_owned(), plan.release.clone()];
        match step.action.effect() {
            EffectOnRelease::Installed | EffectOnRelease::Upgraded => args.extend(self.chart_args(plan, step)),
            EffectOnRelease::RolledBack { to } => args.extend(to.map(|revision| revision.to_string())),
            EffectOnRelease::Removed | EffectOnRelease::Disturbed | EffectOnRelease::None => {}
        }
        if step.reuses_values {
            args.push("--reuse-values".to_owned());
        }
        if step.rolls_back {
            args.push(self.rolls_back.to_owned());
        }
        args.extend(step.server_side.map(|way| format!("--server-side={}", way.flag())));
        // A test is waited for in any case, and helm knows no such option for it.
        args.extend((step.action != Action::Test).then(|| "--wait".to_owned()));
        args.extend(["--timeout".to_owned(), format!("{}s", step.timeout_seconds)]);
        args
    }

    /// Carries out a step, and waits as helm does, unless it is interrupted.
    pub async fn act(&self, step: &Step, args: Vec<String>, values: &Value, interrupt: &Interrupt) -> Result<Output> {
        // Rolling back by itself has a `--timeout` of its own.
        let times = if step.rolls_back { 2 } else { 1 };
        let limit = Duration::from_secs(step.timeout_seconds) * times + GRACE;
        let mut call = self.call(args, limit).stdin(values.to_string()).interrupt(interrupt);
        if let Some(progress) = self.progress.clone() {
            call = call.telling(move |line| progress.detail(format!("helm: {line}")));
        }
        call.run_unchecked().await
    }

    /// The release as it stands; `None`: there is none.
    pub async fn status(&self, release: &str) -> Result<Option<Status>> {
        let args = ["status", release, "--output", "json"].map(str::to_owned).to_vec();
        let output = self.call(args, RENDER_LIMIT).run_unchecked().await?;
        if output.is_success() {
            return Ok(Some(serde_json::from_str(&output.stdout).context("parse the output of `helm status`")?));
        }
        anyhow::ensure!(output.stderr.contains("not found"), "`helm status` failed: {}", output.stderr.trim());
        Ok(None)
    }

    fn call(&self, mut args: Vec<String>, limit: Duration) -> Tool {
        args.extend(["--namespace".to_owned(), self.ns.clone()]);
        if let Some(kubeconfig) = &self.kubeconfig {
            args.extend(["--kubeconfig".to_owned(), kubeconfig.display().to_string()]);
        }
        // The user's current context is never read: helm would take it where `--kubeconfig` is not given.
        let call = Tool::new("helm", &self.program)
            .args(args)
            .env("KUBECONFIG", "/dev/null")
            .deadline(limit)
            .redact(&self.redactor);
        match self.post_renderer.as_ref().and_then(|renderer| renderer.plugins.as_ref()) {
            Some(plugins) => call.env("HELM_PLUGINS", plugins),
            None => call,
        }
    }

    fn chart_args(&self, plan: &Plan, step: &Step) -> Vec<String> {
        let mut args = chart_args(plan, step);
        // The versions that are upgraded from are sound.
        let renderer = self.post_renderer.iter().filter(|_| step.from.is_none());
        args.extend(renderer.flat_map(|renderer| renderer.args.clone()));
        args
    }
}

fn chart_args(plan: &Plan, step: &Step) -> Vec<String> {
    let mut args: Vec<String> = plan.chart_of(step).map(|chart| chart.path.display().to_string()).into_iter().collect();
    let file = |path: &PathBuf| ["--values".to_owned(), path.display().to_string()];
    // The release's values take their place where they are taken over.
    args.extend(plan.base_files.iter().filter(|_| !step.reuses_values).flat_map(file));
    args.extend(["--values".to_owned(), "-".to_owned()]);
    args.extend(plan.values_files.iter().flat_map(file));
    for set in &plan.set {
        args.extend(["--set".to_owned(), set.clone()]);
    }
    args
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::json;

    use super::*;
    use chartgate_model::plan::{Chart, Origin, ServerSide};

    fn helm(rolls_back: &'static str) -> Helm {
        let (program, redactor) = (PathBuf::from("helm"), Redactor::default());
        let (ns, kubernetes) = ("ns".to_owned(), "1.34".to_owned());
        let version = "3.22.0".to_owned();
        let api_versions = Vec::new();
        Helm {
            program,
            version,
            kubeconfig: None,
            ns,
            kubernetes,
            api_versions,
            rolls_back,
            redactor,
            progress: None,
            post_renderer: None,
        }
    }

    fn chart(path: &str) -> Chart {
        Chart { path: PathBuf::from(path), ..Chart::default() }
    }

    /// A failure would mean that an upgrade starts from, or goes to, another chart than the scenario says.
    #[test]
    fn each_step_has_the_chart_of_its_version() {
        let old = Origin { chart: Some(chart("/old")), ..Origin::default() };
        let steps = vec![Step::new(Action::Install), Step::new(Action::Upgrade)];
        let plan = Plan { chart: chart("/new"), release: "r".to_owned(), steps, ..Plan::default() }.through(vec![old]);
        let charts = plan.steps.iter().map(|step| helm("").args(&plan, step)[2].clone());
        assert_eq!(charts.collect::<Vec<_>>(), ["/old", "/new"]);
    }

    /// A failure would mean that an upgrade from Helm 3 to Helm 4 is tried with another way of applying than the scenario says.
    #[test]
    fn a_step_says_where_its_changes_are_worked_out() {
        let step = Step { server_side: Some(ServerSide::False), ..Step::new(Action::Rollback { to: Some(1) }) };
        let args =
            helm("--rollback-on-failure").args(&Plan { release: "r".to_owned(), ..Plan::default() }, &step).join(" ");
        assert_eq!(args, "rollback r 1 --server-side=false --wait --timeout 300s");
    }

    /// A failure would mean that helm is not asked for what the scenario says, or in words that it does not know.
    #[test]
    fn options_of_a_step_are_flags_of_the_helm_at_hand() {
        let step = Step { rolls_back: true, reuses_values: true, values: json!({}), ..Step::new(Action::Upgrade) };
        let plan = Plan { chart: chart("/new"), release: "r".to_owned(), ..Plan::default() };
        for flag in ["--atomic", "--rollback-on-failure"] {
            let args = helm(flag).args(&plan, &step).join(" ");
            assert_eq!(args, format!("upgrade r /new --values - --reuse-values {flag} --wait --timeout 300s"));
        }
        let bare = helm("--atomic").args(&plan, &Step::new(Action::Upgrade)).join(" ");
        assert!(!bare.contains("--atomic") && !bare.contains("--reuse-values"), "{bare}");
    }
}
