//! `chartgate compare`: what is otherwise in a newer run.

use std::path::PathBuf;

use anyhow::Result;
use chartgate::compare::{self, Comparison, Outcome};
use chartgate::ending::Ending;
use chartgate_base::stdio;

/// What is compared, and how that is told.
#[derive(clap::Args)]
#[command(
    after_help = "Exit codes: 0 nothing is worse; 1 a check is red that was not, a scenario is gone, or an uninstall leaves \
                        something new; 2 a directory holds no report; 3 no scenario is in both runs."
)]
pub struct Arguments {
    /// Directory that the older run wrote
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// Directory that the newer run wrote
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// For people, for programs (docs/comparison.schema.json), or as the comment of a pull request
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
}

/// How a comparison is told.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    /// Lines, what is worse last
    #[default]
    Text,
    /// One document
    Json,
    /// A table, what is worse first
    Markdown,
}

impl Arguments {
    /// Compares, and says how it ended.
    pub fn run(self) -> Result<Ending> {
        let comparison = Comparison::of_directories(&self.old, &self.new)?;
        stdio::print(match self.format {
            Format::Text => compare::text(&comparison),
            Format::Json => serde_json::to_string_pretty(&comparison)? + "\n",
            Format::Markdown => compare::markdown(&comparison),
        })?;
        Ok(match comparison.outcome {
            Outcome::NotWorse => Ending::Pass,
            Outcome::Worse => Ending::Fail,
            Outcome::Void => Ending::Void,
        })
    }
}
