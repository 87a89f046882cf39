//! `chartgate check`: what charts render, judged without a cluster.

use std::path::PathBuf;

use anyhow::Result;
use chartgate::check::{self, BaselineUse, Exploration, Helms, Options};
use chartgate::ending::Ending;
use chartgate::progress::Loudness;
use chartgate::repeat;
use chartgate_base::stdio;
use chartgate_cluster::{Existing, KubeContext};
use chartgate_report::github;
use chartgate_runner::run::Server;
use chartgate_scenario::Overrides;

use super::common::Common;

/// What is rendered, with what, and where the reports go.
#[derive(clap::Args)]
pub struct Arguments {
    /// Charts, directories of charts, .tgz archives, oci://…:VERSION, or scenario files; by default the chart here, or those in charts/
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    common: Common,
    /// Values file, in place of the chart's own `ci/*-values.yaml` (repeatable)
    #[arg(long, value_name = "FILE")]
    values: Vec<PathBuf>,
    /// Only the charts that changed since the commit that HEAD and REF share, by default the main branch; each must have a higher version
    #[arg(long, value_name = "REF", num_args = 0..=1, require_equals = true)]
    #[expect(clippy::option_option, reason = "clap's form of an option whose value may be left out")]
    changed: Option<Option<String>>,
    /// Also vary the values, one switch at a time: each boolean, each value of an enumeration, each optional map; at most N variations
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "100")]
    explore: Option<usize>,
    /// Choose other variations, where there are more than N
    #[arg(long, value_name = "NUMBER", default_value_t = 0, requires = "explore")]
    seed: u64,
    /// Write the smallest values file of each variation that is red to this directory
    #[arg(long, value_name = "DIR", requires = "explore")]
    write: Option<PathBuf>,
    /// Note what is red today in each chart's ci/chartgate/baseline.yaml: it counts as waived from now on
    #[arg(long, conflicts_with = "no_waivers")]
    write_baseline: bool,
    /// Helm major version; by default each that is on this machine
    #[arg(long, env = "HELM", value_parser = ["3", "4"])]
    helm: Option<String>,
    /// Kubernetes minor version; by default the oldest and the newest supported one that the chart allows
    #[arg(long, value_name = "KUBERNETES", value_parser = kubernetes_version)]
    kubernetes: Option<String>,
    /// Also ask an API server about each rendered object, by a server-side dry run that keeps nothing: that of `--context`, else of a
    /// cluster that a run kept
    #[arg(long)]
    server: bool,
    /// The context of your kubeconfig whose API server is asked
    #[arg(long, value_name = "NAME", requires = "server")]
    context: Option<String>,
    /// Print the verdict and what does not pass, and nothing else
    #[arg(short, long)]
    quiet: bool,
}

/// A version such as `1.34` or `1.34.4`; helm would blame the chart for another text.
fn kubernetes_version(text: &str) -> Result<String, String> {
    let numbers: Vec<&str> = text.trim_start_matches('v').split('.').collect();
    let is_version = (2..=3).contains(&numbers.len()) && numbers.iter().all(|number| number.parse::<u16>().is_ok());
    if is_version { Ok(text.to_owned()) } else { Err("write a version such as `1.34`".to_owned()) }
}

impl Arguments {
    /// The API server that is asked; `None`: none is.
    async fn server(&self) -> Result<Option<Server>> {
        if !self.server {
            return Ok(None);
        }
        let cluster = match &self.context {
            Some(name) => Existing::of_context(&KubeContext::read(name)?).await?,
            None => Existing::kept().await?,
        };
        Ok(Some(Server::of(cluster).await?))
    }

    /// The arguments that change what is seen of a chart, but for what [`Overrides`] hold.
    fn flags(&self, server: Option<&Server>) -> Vec<String> {
        let mut flags = Vec::new();
        if let Some(most) = self.explore {
            flags.push(format!("--explore={most}"));
            flags.extend((self.seed != 0).then(|| format!("--seed={}", self.seed)));
        }
        flags.extend(self.changed.as_ref().map(|since| match since {
            Some(reference) => format!("--changed={reference}"),
            None => "--changed".to_owned(),
        }));
        flags.extend(self.helm.as_ref().map(|version| format!("--helm={version}")));
        flags.extend(self.kubernetes.as_ref().map(|version| format!("--kubernetes={version}")));
        flags.extend(server.into_iter().flat_map(Server::flags));
        flags
    }

    /// Checks the charts and says how it ended.
    pub async fn run(self) -> Result<Ending> {
        let helms = Helms::find(self.helm.as_deref()).await?;
        let overrides = Overrides { values_files: self.values.clone(), ..self.common.overrides() };
        overrides.check_values_files()?;
        let server = self.server().await?;
        let mut inputs = check::subjects(&self.paths, &overrides, helms.first()).await?;
        let flags = self.flags(server.as_ref());
        for subject in &mut inputs.subjects {
            subject.repeated_by(&repeat::of_check(&subject.path, &overrides, &flags));
        }
        let options = Options {
            helms,
            kubernetes: check::kubernetes(self.kubernetes.as_deref()),
            exploration: self.explore.map(|most| Exploration { most, seed: self.seed }),
            write_values: self.write.clone(),
            baseline: match (self.common.no_waivers, self.write_baseline) {
                (true, _) => BaselineUse::Ignored,
                (false, true) => BaselineUse::Written,
                (false, false) => BaselineUse::Applied,
            },
            changed: self.changed.clone(),
            server,
        };
        let report = check::run(inputs.subjects.clone(), &options, &self.common.out).await?;
        if let (Some(reference), true) = (&self.changed, report.scenarios.is_empty()) {
            let since = reference.as_deref().unwrap_or("the main branch");
            stdio::print(format_args!("no chart changed since {since}\n"))?;
            return Ok(Ending::Pass);
        }
        chartgate_report::append_to_job_summary(&report)?;
        let loudness = if self.quiet { Loudness::Quiet } else { Loudness::Normal };
        let ending = super::conclude(&report, &self.common.out, loudness)?;
        if github::is_here() {
            let files: Vec<_> =
                inputs.subjects.iter().map(|it| (it.name.clone(), it.path.join("Chart.yaml"))).collect();
            let file_of = |name: &str| files.iter().find(|(known, _)| known == name).map(|(_, file)| file.as_path());
            stdio::print(github::annotations(&report, file_of))?;
        }
        Ok(ending)
    }
}
