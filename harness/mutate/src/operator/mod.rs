//! What the operators change, by subject. The table says what each stands for.

pub(crate) mod access;
pub(crate) mod hook;
pub(crate) mod network;
pub(crate) mod pod;
pub(crate) mod scale;
pub(crate) mod state;

/// A label or name that nothing of a chart has.
pub(crate) const MARK: &str = "chartgate.dev/mutant";
