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
use chartgate::ending::Ending;
use chartgate::progress::Loudness;
use chartgate_base::stdio;
use chartgate_report::{Report, github};

/// Prints the report, and ends as its verdict says.
pub fn conclude(report: &Report, folder: &Path, loudness: Loudness) -> Result<Ending> {
    let summary =
        if loudness == Loudness::Quiet { chartgate_report::print_red(report) } else { chartgate_report::print(report) };
    let text = format!("{summary}{}\n", chartgate_report::place(folder));
    stdio::print(if github::is_here() { github::uninterpreted(&text) } else { text })?;
    Ok(report.verdict.into())
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
