//! What a hook's effect was when it was looked at.

use serde::{Deserialize, Serialize};

/// A look at what a hook makes in a server: before the first step, and after each step that succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectSeen {
    /// Index in the plan's steps; `None`: before the first one.
    pub after: Option<usize>,
    /// Name of the hook in the plan.
    pub hook: String,
    /// Name of the effect.
    pub effect: String,
    /// What was seen.
    pub state: EffectState,
}

/// What came of a look at an effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectState {
    /// It was seen.
    Shown {
        /// Where: name of the pod that a program ran in, or of the server or database in `backing`.
        #[serde(alias = "pod")]
        place: String,
        /// What the program wrote to its standard output, or the query's rows: a line each, the columns divided by tabs.
        output: String,
    },
    /// No pod of the selector runs, so there is no server that could hold anything.
    NoPod,
    /// It failed.
    Failed {
        /// Why.
        why: String,
    },
}
