//! The arguments that `run` and `check` share.

use std::path::PathBuf;

use chartgate_scenario::Overrides;

/// What both put above the charts' own files, and where the reports go.
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
