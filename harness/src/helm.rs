//! The real `helm`, in the version that the run was asked for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::plan::{Action, Plan, Step};
use crate::redact::Redactor;
use crate::tool::{Output, Tool};
use crate::yaml;

/// Rendering takes well under a second; a chart that takes this long hangs.
const RENDER_LIMIT: Duration = Duration::from_secs(60);

/// Charts are small, but they may come from far away.
const DEPENDENCIES_LIMIT: Duration = Duration::from_secs(300);

/// Helm ends by itself at its `--timeout`; this much later it hangs.
const GRACE: Duration = Duration::from_secs(30);

/// Helm on one release.
#[derive(Clone)]
pub struct Helm {
    program: PathBuf,
    /// `None`: without a cluster, only rendering works.
    kubeconfig: Option<PathBuf>,
    ns: String,
    /// Version that charts are rendered for, for example `1.34`.
    kubernetes: String,
    redactor: Redactor,
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
}

/// State of a revision.
#[derive(Clone, Debug, Deserialize)]
pub struct Info {
    /// `deployed`, `failed`, `pending-upgrade`, …
    pub status: String,
}

/// A hook as helm stores it.
#[derive(Clone, Debug, Deserialize)]
pub struct Hook {
    /// Its object, as YAML.
    pub manifest: String,
    /// `helm.sh/hook` events.
    #[serde(default)]
    pub events: Vec<String>,
    /// `helm.sh/hook-weight`.
    #[serde(default)]
    pub weight: i64,
}

impl Helm {
    /// Helm for a namespace of a cluster; without a kubeconfig it can only render.
    pub fn new(program: PathBuf, kubernetes: &str, ns: &str, redactor: Redactor) -> Self {
        Self { program, kubeconfig: None, ns: ns.to_owned(), kubernetes: kubernetes.to_owned(), redactor }
    }

    /// The same helm, on a cluster.
    #[must_use]
    pub fn on_cluster(self, kubeconfig: &Path) -> Self {
        Self { kubeconfig: Some(kubeconfig.to_owned()), ..self }
    }

    /// Renders the chart as a step would. The inner error is helm's refusal: the chart's or the values' fault.
    pub async fn template(&self, plan: &Plan, step: &Step, values: &Value) -> Result<Result<Vec<Value>, String>> {
        let mut args = vec!["template".to_owned(), plan.release.clone()];
        // Without a cluster to ask, helm believes in the version of Kubernetes that it was built with.
        args.extend(["--kube-version".to_owned(), self.kubernetes.clone()]);
        if step.action == Action::Upgrade {
            args.push("--is-upgrade".to_owned());
        }
        args.extend(chart_args(plan));
        let output = self.call(args, RENDER_LIMIT).stdin(values.to_string()).run_unchecked().await?;
        if !output.is_success() {
            return Ok(Err(output.stderr.trim().to_owned()));
        }
        Ok(yaml::objects(&output.stdout).map_err(|error| format!("{error:#}")))
    }

    /// The arguments that carry out a step.
    pub fn args(plan: &Plan, step: &Step) -> Vec<String> {
        let mut args = vec![step.verb().to_owned(), plan.release.clone()];
        match &step.action {
            Action::Install | Action::Upgrade => args.extend(chart_args(plan)),
            Action::Rollback { to } => args.extend(to.map(|revision| revision.to_string())),
            _ => {}
        }
        args.extend(["--wait".to_owned(), "--timeout".to_owned(), format!("{}s", step.timeout_seconds)]);
        args
    }

    /// Carries out a step, and waits as helm does.
    pub async fn act(&self, step: &Step, args: Vec<String>, values: &Value) -> Result<Output> {
        let limit = Duration::from_secs(step.timeout_seconds) + GRACE;
        self.call(args, limit).stdin(values.to_string()).run_unchecked().await
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
        Tool::new("helm", &self.program)
            .args(args)
            .env("KUBECONFIG", "/dev/null")
            .deadline(limit)
            .redact(&self.redactor)
    }
}

/// Puts the charts that a chart depends on into its `charts/`, as its lock file says, or as its `Chart.yaml` does without one.
pub async fn build_dependencies(program: &Path, chart: &Path) -> Result<()> {
    let verb = if chart.join("Chart.lock").exists() { "build" } else { "update" };
    let call = Tool::new("helm", program).args(["dependency", verb]).args([chart]).deadline(DEPENDENCIES_LIMIT);
    let name = chart.display();
    call.run().await.with_context(|| format!("get the charts that `{name}` depends on")).map(drop)
}

fn chart_args(plan: &Plan) -> Vec<String> {
    let mut args = vec![plan.chart.path.display().to_string(), "--values".to_owned(), "-".to_owned()];
    for file in &plan.values_files {
        args.extend(["--values".to_owned(), file.display().to_string()]);
    }
    for set in &plan.set {
        args.extend(["--set".to_owned(), set.clone()]);
    }
    args
}
