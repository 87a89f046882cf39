//! `chartgate run`: scenarios on a cluster, and the verdict.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use chartgate::gate::{self, OnFailure};
use chartgate::progress::{Loudness, Show};
use chartgate::repeat;
use chartgate_base::stdio;
use chartgate_cluster::KubeContext;
use chartgate_model::plan::{Plan, StubImages};
use chartgate_process::home;
use chartgate_report::github;
use chartgate_runner::origin::Pulled;
use chartgate_runner::run::Options;
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
    /// Helm major version; by default the one that harness/versions.env names
    #[arg(long, env = "HELM", value_parser = ["3", "4"])]
    helm: Option<String>,
    /// Kubernetes minor version; by default the one that harness/versions.env names [env: KUBERNETES]
    // Read from the environment later: clap would take the variable for an option that conflicts.
    #[arg(long, value_name = "KUBERNETES")]
    kubernetes: Option<String>,
    /// Context of your kubeconfig whose cluster to use, in namespaces of its own. A cluster that is not kind's on this machine
    /// pulls all images itself: `CHARTGATE_PROBER_IMAGE` then names one of harness/prober
    #[arg(long, value_name = "NAME", conflicts_with = "kubernetes")]
    context: Option<String>,
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
    course: Course,
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
struct Course {
    /// At the first scenario that fails or is void, end those that run and begin no other
    #[arg(long, conflicts_with = "keep_going")]
    fail_fast: bool,
    /// Run every scenario to its end, whatever becomes of the others; on a cluster also where a check is red that needs none
    #[arg(long)]
    keep_going: bool,
}

impl Arguments {
    /// Runs the scenarios and gives the exit code.
    pub async fn run(self) -> Result<u8> {
        let loudness = self.voice.loudness();
        let (show, stop) = (Show::new(loudness), Stop::default());
        interrupt::listening(&show, &stop, Box::pin(self.carry_out(loudness, &show, &stop))).await
    }

    async fn carry_out(self, loudness: Loudness, show: &Show, stop: &Stop) -> Result<u8> {
        let Self { course, common: Common { out, .. }, .. } = &self;
        let on_failure = if course.fail_fast { OnFailure::FailFast } else { OnFailure::KeepGoing };
        let prepared = stop.unless(self.prepare()).await?;
        let Prepared { mut plans, options, overrides, _pulled } = prepared;
        repeat::note(&mut plans, &overrides, &options);
        let files: BTreeMap<_, _> = plans.iter().map(|plan| (plan.name.clone(), file_of(plan))).collect();
        let report = gate::run(plans, &options, out, on_failure, show, stop).await?;
        show.end();
        chartgate_report::append_to_job_summary(&report)?;
        let code = super::conclude(&report, out, loudness)?;
        if github::is_here() {
            stdio::print(github::annotations(&report, |name| files.get(name).map(PathBuf::as_path)))?;
        }
        Ok(code)
    }

    /// All that is known before anything runs.
    async fn prepare(&self) -> Result<Prepared> {
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
        let helm = self.helm.clone().map_or_else(|| home::version("HELM").map(str::to_owned), Ok)?;
        let pulled = Pulled::of(overrides.chart.as_deref(), &helm).await?;
        let plans = chartgate_scenario::plans(&self.paths, &in_place(&overrides, pulled.as_ref()))?;
        let context = self.context.as_deref().map(KubeContext::read).transpose()?;
        let kubernetes = match (&context, &self.kubernetes) {
            (Some(context), _) => context.version().await?,
            (None, Some(minor)) => minor.clone(),
            (None, None) => home::kubernetes()?,
        };
        let options = Options {
            kubernetes,
            context,
            helm,
            keep: self.keep,
            checks_first: !self.course.keep_going,
            keep_warm: self.keep_warm,
            patience: self.patience,
            ca_file: None,
        };
        Ok(Prepared { plans, options, overrides, _pulled: pulled })
    }
}

/// What is run, and with what.
struct Prepared {
    plans: Vec<Plan>,
    options: Options,
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
