//! The error that makes the exit code 4.

/// Something outside the chart and the scenario is missing: an engine, a tool, an image, room on the disk.
///
/// It stands somewhere in an error's chain and makes the exit code 4: see [`is_environment`].
#[derive(Debug)]
pub struct Environment(String);

impl Environment {
    /// An error that says `what` is missing; it is to end with a `hint:` line.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// One that an error shows, and what a person can do about it.
    pub fn because(what: &str, error: &anyhow::Error, hint: &str) -> Self {
        Self(format!("{what}: {error:#}\nhint: {hint}"))
    }
}

impl std::fmt::Display for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Environment {}

/// Whether the environment is at fault, and not the chart or the scenario.
pub fn is_environment(error: &anyhow::Error) -> bool {
    // `is` sees an `Environment` that was added as context, the chain one that was the cause.
    error.is::<Environment>() || error.chain().any(<dyn std::error::Error>::is::<Environment>)
}
