//! `chartgate release`: a package, its verdict, and both in a registry.

use std::path::PathBuf;

use anyhow::Result;
use chartgate::ending::Ending;
use chartgate::gate::{self, Course, Job};
use chartgate::progress::{Loudness, Show};
use chartgate::release::{self, Prepared, Released, Wanted};
use chartgate::repeat;
use chartgate_base::stdio;
use chartgate_model::plan::{Place, StubImages};
use chartgate_process::home;
use chartgate_release::{PrivateKey, Registry, previous};
use chartgate_report::Report;
use chartgate_runner::run::Options;
use chartgate_runner::stop::Stop;
use chartgate_scenario::{ImageOverride, Overrides, describe_chart};

use super::common::Voice;
use super::interrupt;

/// What is released, by what it is judged, and where it goes.
#[derive(clap::Args)]
pub struct Arguments {
    /// The chart's directory
    #[arg(value_name = "CHART", default_value = ".")]
    chart: PathBuf,
    /// Where the chart goes, as for `helm push`: its name is put behind
    #[arg(long, value_name = "oci://REGISTRY/PATH")]
    to: String,
    /// Certificates that are trusted as the registry's, beside those that the system trusts, as for `helm push`: a file in PEM
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Private key that signs the verdict: a file in PKCS#8 PEM (ECDSA P-256), or `env://NAME`. `CHARTGATE_KEY_PASSWORD` opens it
    #[arg(long, value_name = "FILE", required_unless_present = "unsigned")]
    key: Option<String>,
    /// Leave the verdict unsigned: `chartgate verify` accepts it only with `--allow-unsigned`
    #[arg(long, conflicts_with = "key")]
    unsigned: bool,
    /// Do everything but publish
    #[arg(long)]
    dry_run: bool,
    /// Version of the chart, in place of its own
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// Version of the application, in place of the chart's own
    #[arg(long, value_name = "VERSION")]
    app_version: Option<String>,
    /// Scenario files, or directories of them, in place of the chart's own (repeatable)
    #[arg(long, value_name = "PATH")]
    scenarios: Vec<PathBuf>,
    /// Version to upgrade from, as for `run`; `previous` is the newest lower one in the registry, else in git
    #[arg(long, value_name = "VERSION", default_value = "previous")]
    from: Vec<String>,
    /// Image in place of one of the contract's, as for `run` (repeatable)
    #[arg(long = "image", value_name = "NAME[@VERSION]=REPO[:TAG]")]
    images: Vec<ImageOverride>,
    #[command(flatten)]
    allowed: Allowed,
    /// Helm major version; by default the one that harness/versions.env names
    #[arg(long, env = "HELM", value_parser = ["3", "4"])]
    helm: Option<String>,
    /// Kubernetes minor version; by default the one that harness/versions.env names [env: KUBERNETES]
    #[arg(long, value_name = "KUBERNETES")]
    kubernetes: Option<String>,
    /// Directory for the package, its attestation, the reports and the evidence
    #[arg(long, value_name = "DIR", default_value = "chartgate-out")]
    out: PathBuf,
    #[command(flatten)]
    voice: Voice,
}

/// What is refused unless told.
#[derive(clap::Args)]
struct Allowed {
    /// Release from a working tree with changes that are in no commit
    #[arg(long)]
    allow_dirty: bool,
    /// Let the waivers of the contract count; the attestation names them
    #[arg(long)]
    allow_waivers: bool,
}

impl Arguments {
    /// Releases the chart, and ends as its verdict says.
    pub async fn run(self) -> Result<Ending> {
        let loudness = self.voice.loudness();
        let (show, stop) = (Show::new(loudness), Stop::default());
        interrupt::listening(&show, &stop, Box::pin(self.carry_out(loudness, &show, &stop))).await
    }

    async fn carry_out(self, loudness: Loudness, show: &Show, stop: &Stop) -> Result<Ending> {
        // Whatever is wrong here shows before minutes of judging.
        let key = self.key.as_deref().map(PrivateKey::read).transpose()?;
        let name = describe_chart(&self.chart)?.name;
        let (registry, _) =
            Registry::open(&format!("{}/{name}", self.to.trim_end_matches('/')), self.ca_file.as_deref()).await?;
        let wanted = self.wanted()?;
        let prepared = stop.unless(release::prepare(&wanted, &registry)).await?;
        let package = &prepared.package;
        show.say(&format!("judging {} ({})", package.file_name(), package.digest()));
        if prepared.standing.is_published() {
            let known = prepared.standing.attestations;
            show.say(&format!(
                "it is published already, with the same bytes and {known} attestations: it gets another"
            ));
        }
        let report = self.judge(&wanted, &prepared, &registry, show, stop).await?;
        show.end();
        chartgate_report::append_to_job_summary(&report)?;
        let ending = super::conclude(&report, &self.out, loudness)?;
        let released = prepared.finish(report, key.as_ref(), &registry, &self.out, self.dry_run).await?;
        let place = format!("oci://{}:{}", registry.name(), package.tag());
        stdio::print(match released {
            Released::Refused => format!("not released: the verdict on {} is not a pass\n", package.file_name()),
            Released::Rehearsed => format!("would release {place}; the package is in {}\n", self.out.display()),
            Released::Published(published) => format!("released {place}@{}\n", published.digest),
        })?;
        Ok(ending)
    }

    fn wanted(&self) -> Result<Wanted> {
        Ok(Wanted {
            chart: self.chart.clone(),
            version: self.version.clone(),
            app_version: self.app_version.clone(),
            allow_dirty: self.allowed.allow_dirty,
            helm: self.helm.clone().map_or_else(|| home::version("HELM").map(str::to_owned), Ok)?,
        })
    }

    /// Every scenario, on the package that is published: never with stub images.
    async fn judge(
        &self,
        wanted: &Wanted,
        prepared: &Prepared,
        registry: &Registry,
        show: &Show,
        stop: &Stop,
    ) -> Result<Report> {
        let published = stop.unless(previous(registry, &prepared.package.version)).await?;
        let overrides = Overrides {
            chart: Some(prepared.chart().to_owned()),
            source: Some(self.chart.clone()),
            from: self.from.clone(),
            images: self.images.clone(),
            no_waivers: !self.allowed.allow_waivers,
            stub_images: StubImages::Off,
            ..Overrides::default()
        };
        let mut plans = chartgate_scenario::plans(&self.scenarios, &overrides)?;
        // Git knows the chart's own directory, and not where its package was unpacked.
        let source = self.chart.canonicalize().ok();
        for plan in &mut plans {
            plan.chart.replaces.clone_from(&source);
            for origin in plan.from.iter_mut().filter(|origin| origin.place == Place::Previous) {
                // What users have is what was published; git is asked where nothing was.
                if let Some(reference) = &published {
                    origin.asked = format!("previous: {reference}");
                    origin.place = Place::Registry(reference.clone());
                }
            }
        }
        let kubernetes = self.kubernetes.clone().map_or_else(home::kubernetes, Ok)?;
        let options = Options {
            checks_first: true,
            ca_file: self.ca_file.clone(),
            ..Options::new(kubernetes, wanted.helm.clone())
        };
        let shown = Overrides { chart: Some(self.chart.clone()), ..overrides };
        for plan in &mut plans {
            repeat::note(plan, &shown, &options);
        }
        gate::run(Job::all(plans, &options), &self.out, &Course::default(), show, stop).await
    }
}
