//! The arguments that several subcommands share.

use std::path::PathBuf;
use std::time::Duration;

use chartgate::progress::Loudness;
use chartgate_scenario::Overrides;
use jiff::SignedDuration;

/// What `run` and `check` put above the charts' own files, and where the reports go.
#[derive(clap::Args)]
pub(super) struct Common {
    /// Version to upgrade from, wherever something is installed and upgraded: a chart's directory or .tgz, oci://…, git:REF, previous,
    /// self; several are upgraded through, in this order (repeatable)
    #[arg(long, value_name = "VERSION")]
    from: Vec<String>,
    /// Value above everything, as helm's `--set` (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Let no waiver of a contract and no baseline count, as before a release
    #[arg(long)]
    pub(super) no_waivers: bool,
    /// Directory for the reports (report.html, junit.xml, summary.md, verdict.json) and the evidence
    #[arg(long, value_name = "DIR", default_value = "chartgate-out")]
    pub(super) out: PathBuf,
}

impl Common {
    /// What is put above the charts' own files, with nothing else.
    pub(super) fn overrides(&self) -> Overrides {
        Overrides {
            from: self.from.clone(),
            set: self.set.clone(),
            no_waivers: self.no_waivers,
            ..Overrides::default()
        }
    }
}

/// How much is said.
#[derive(clap::Args)]
pub(super) struct Voice {
    /// Print the verdict and what does not pass, and nothing else
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,
    /// Say each step, what is waited for in it, and each line of helm's
    #[arg(short, long)]
    verbose: bool,
}

impl Voice {
    pub(super) fn loudness(&self) -> Loudness {
        match self {
            Self { quiet: true, .. } => Loudness::Quiet,
            Self { verbose: true, .. } => Loudness::Verbose,
            Self { .. } => Loudness::Normal,
        }
    }
}

/// `10s`, `2m` or `1h30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    parsed.ok_or_else(|| "expected a duration such as `10s` or `2m`".to_owned())
}
