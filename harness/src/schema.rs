//! The JSON Schemas of the files that people write and of the one that machines read: for editors, other programs and the reference.

use chartgate_report::Report;
use chartgate_scenario::{ContractFile, ScenarioFile};
use clap::ValueEnum;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use crate::compare::Comparison;
use crate::mutate::MutationReport;

/// A file that has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum File {
    /// `verdict.json`, which a run writes
    Verdict,
    /// A scenario
    Scenario,
    /// A contract
    Contract,
    /// `mutation.json`, which `mutate` writes
    Mutation,
    /// What `compare --format json` prints
    Comparison,
}

impl File {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Verdict, Self::Scenario, Self::Contract, Self::Mutation, Self::Comparison];

    /// The name of the published schema.
    pub fn schema_name(self) -> &'static str {
        match self {
            Self::Verdict => "verdict.schema.json",
            Self::Scenario => "scenario.schema.json",
            Self::Contract => "contract.schema.json",
            Self::Mutation => "mutation.schema.json",
            Self::Comparison => "comparison.schema.json",
        }
    }

    /// Its schema.
    pub fn schema(self) -> Schema {
        match self {
            Self::Verdict => Report::schema(),
            Self::Scenario => of::<ScenarioFile>(),
            Self::Contract => of::<ContractFile>(),
            Self::Mutation => MutationReport::schema(),
            Self::Comparison => Comparison::schema(),
        }
    }

    /// Its schema, as it is published.
    ///
    /// # Errors
    /// If it is no JSON, which cannot be.
    pub fn text(self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(&self.schema())? + "\n")
    }
}

/// In draft 7, which editors know best.
fn of<T: JsonSchema>() -> Schema {
    let mut schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<T>();
    if let Some(map) = schema.as_object_mut() {
        map.values_mut().for_each(unwrap_lines);
    }
    schema
}

/// Doc comments are broken into lines where the source is; an editor breaks them where its window ends.
fn unwrap_lines(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if key == "description" => *text = unwrapped(text),
                    _ => unwrap_lines(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(unwrap_lines),
        _ => {}
    }
}

fn unwrapped(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}
