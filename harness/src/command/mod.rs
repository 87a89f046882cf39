//! The subcommands that are more than a call of the library.

pub mod check;
mod common;
pub mod compare;
mod interrupt;
pub mod merge;
pub mod mutate;
pub mod part;
pub mod release;
pub mod run;
pub mod setup;
pub mod soak;
pub mod verify;

use std::path::Path;

use anyhow::Result;
use chartgate::progress::Loudness;
use chartgate_base::stdio;
use chartgate_judge::Verdict;
use chartgate_report::{Report, github};

/// The exit code of what was interrupted, as a shell says it of what Ctrl-C ended.
pub const INTERRUPTED: u8 = 130;

/// Prints the report, and gives the exit code of its verdict.
pub fn conclude(report: &Report, folder: &Path, loudness: Loudness) -> Result<u8> {
    let summary =
        if loudness == Loudness::Quiet { chartgate_report::print_red(report) } else { chartgate_report::print(report) };
    let text = format!("{summary}{}\n", chartgate_report::place(folder));
    stdio::print(if github::is_here() { github::uninterpreted(&text) } else { text })?;
    Ok(exit_code(report.verdict))
}

/// The exit code of a verdict.
fn exit_code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Fail => 1,
        Verdict::Void => 3,
        Verdict::Pass | Verdict::Waived | Verdict::Advice | Verdict::NotApplicable => 0,
    }
}

/// When to write in colour.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` or `CLICOLOR=0` is set or it is a dumb one; and with `CLICOLOR_FORCE`.
    #[default]
    Auto,
    /// Whatever reads it.
    Always,
    /// Not at all.
    Never,
}

impl From<Color> for stdio::Color {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::Always,
            Color::Never => Self::Never,
        }
    }
}
