//! A run of a part of a set, which `chartgate merge` joins with the others.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which part of which set was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shard {
    /// From 1.
    pub number: usize,
    /// How many shards the set has.
    pub of: usize,
    /// The names of all scenarios of the set, in their order.
    pub set: Vec<String>,
    /// A digest of the files that the set consists of: charts, scenarios, contracts and values.
    pub digest: String,
}

impl fmt::Display for Shard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "shard {} of {}", self.number, self.of)
    }
}

impl Shard {
    /// Whether it is a part of the set that another shard is a part of.
    pub fn is_of(&self, other: &Self) -> bool {
        self.of == other.of && self.set == other.set && self.digest == other.digest
    }

    /// In what its set differs from another shard's, in words.
    pub fn differs(&self, other: &Self) -> String {
        if self.of != other.of {
            return format!("it is divided by {}, not by {}", self.of, other.of);
        }
        let only = |one: &Self, without: &Self| {
            let only: Vec<&str> =
                one.set.iter().filter(|name| !without.set.contains(name)).map(String::as_str).collect();
            only.join(", ")
        };
        match (only(self, other).as_str(), only(other, self).as_str()) {
            ("", "") => "a chart, a scenario, a contract or values differ".to_owned(),
            (more, "") => format!("it also has {more}"),
            ("", less) => format!("it lacks {less}"),
            (more, less) => format!("it has {more} in place of {less}"),
        }
    }
}
