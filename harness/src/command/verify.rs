//! `chartgate verify`: whether a chart has a passing verdict on exactly its bytes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use chartgate::ending::Ending;
use chartgate_base::stdio;
use chartgate_release::{Candidate, Form, PublicKey, Registry, Requirements, Statement, Subjects};
use chartgate_yaml::Invalid;
use jiff::SignedDuration;

/// What is verified, and what is asked of it.
#[derive(clap::Args)]
pub struct Arguments {
    /// The chart: oci://…:VERSION or oci://…@sha256:DIGEST, or a package
    #[arg(value_name = "CHART")]
    chart: String,
    /// Public key that must have signed: a file in PEM, or `env://NAME`
    #[arg(long, value_name = "FILE", required_unless_present = "allow_unsigned")]
    key: Option<String>,
    /// The bundle of a package; by default the file beside it
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// Check that must have passed in some scenario (repeatable)
    #[arg(long, value_name = "CHECK")]
    require_check: Vec<String>,
    /// Scenario that must have been run (repeatable)
    #[arg(long, value_name = "SCENARIO")]
    require_scenario: Vec<String>,
    /// How long ago it may have been judged: `12h`, `30d`
    #[arg(long, value_name = "DURATION", value_parser = age)]
    max_age: Option<Duration>,
    /// Minor version of Kubernetes that it must have been judged on (repeatable)
    #[arg(long, value_name = "KUBERNETES")]
    kubernetes: Vec<String>,
    /// Refuse a verdict in which waivers counted
    #[arg(long)]
    no_waivers: bool,
    /// Certificates that are trusted as the registry's, beside those that the system trusts, as for `helm pull`: a file in PEM
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Accept an attestation that nobody signed
    #[arg(long)]
    allow_unsigned: bool,
}

impl Arguments {
    /// Verifies it, and says how it ended.
    pub async fn run(self) -> Result<Ending> {
        let key = self.key.as_deref().map(PublicKey::read).transpose()?;
        let (subjects, candidates) = self.find().await?;
        let requirements = Requirements {
            checks: self.require_check,
            scenarios: self.require_scenario,
            max_age: self.max_age,
            kubernetes: self.kubernetes,
            no_waivers: self.no_waivers,
        };
        let verified =
            chartgate_release::verify(&subjects, &candidates, key.as_ref(), self.allow_unsigned, &requirements);
        match verified {
            Ok(statement) => {
                stdio::print(accepted(&self.chart, &statement))?;
                Ok(Ending::Pass)
            }
            Err(refused) => {
                stdio::tell(format_args!("refused: `{}`\n{refused}", self.chart));
                Ok(Ending::Fail)
            }
        }
    }

    async fn find(&self) -> Result<(Subjects, Vec<Candidate>)> {
        if !self.chart.starts_with("oci://") {
            let bundle = self.bundle.clone().unwrap_or_else(|| beside(&self.chart, self.allow_unsigned));
            return chartgate_release::of_file(Path::new(&self.chart), &bundle);
        }
        if self.bundle.is_some() {
            let hint = "hint: leave it out: the registry holds the attestation";
            return Err(Invalid(format!("`--bundle` belongs to a package\n{hint}")).into());
        }
        let (registry, place) = Registry::open(&self.chart, self.ca_file.as_deref()).await?;
        let unnamed = || Invalid(format!("`{}` names no version\nhint: add `:VERSION` or `@sha256:…`", self.chart));
        let place = place.ok_or_else(unnamed)?;
        chartgate_release::of_registry(&registry, &place).await
    }
}

/// What `release` left beside a package.
fn beside(package: &str, allow_unsigned: bool) -> PathBuf {
    let of = |form: Form| PathBuf::from(format!("{package}{}", form.file_ending()));
    let signed = of(Form::Bundle);
    if allow_unsigned && !signed.exists() { of(Form::Unsigned) } else { signed }
}

/// What was accepted, in a line or two.
fn accepted(chart: &str, statement: &Statement) -> String {
    let result = &statement.predicate;
    let waived = match result.warned_tests.len() {
        0 => String::new(),
        count => format!(", {count} with advice or a waiver"),
    };
    let on = result.kubernetes().join(", ");
    format!("verified `{chart}`: {} checks passed on Kubernetes {on}{waived}\n", result.passed_tests.len())
}

/// `90m`, `12h` or `30d`.
fn age(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u64>().ok());
    let parsed = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    let days = days.and_then(|days| days.checked_mul(86_400)).map(Duration::from_secs);
    days.or(parsed).ok_or_else(|| "expected a duration such as `12h` or `30d`".to_owned())
}
