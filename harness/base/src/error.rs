//! The error that makes the exit code 4.

/// What is wrong, and what a person can do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What, with the object, path or value.
    pub what: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Problem {
    /// What an error says of itself, in one line of causes; the hint is that of the [`Environment`] in its chain.
    pub fn of(error: &anyhow::Error) -> Self {
        let said = format!("{error:#}");
        let hint = environment(error).and_then(|environment| environment.0.hint.clone());
        let what = hint.as_ref().map_or(said.clone(), |hint| said.replace(&line(hint), ""));
        Self { what, hint }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)?;
        self.hint.as_ref().map_or(Ok(()), |hint| f.write_str(&line(hint)))
    }
}

/// The hint's line below what is wrong.
fn line(hint: &str) -> String {
    format!("\nhint: {hint}")
}

/// Something outside the chart and the scenario is missing: an engine, a tool, an image, room on the disk.
///
/// It stands somewhere in an error's chain and makes the exit code 4: see [`is_environment`].
#[derive(Debug)]
pub struct Environment(Problem);

impl Environment {
    /// An error that says `what` is missing.
    pub fn new(what: impl Into<String>) -> Self {
        Self(Problem { what: what.into(), hint: None })
    }

    /// One that also says what to do.
    pub fn hinted(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self(Problem { what: what.into(), hint: Some(hint.into()) })
    }

    /// One that an error shows, and what a person can do about it.
    pub fn because(what: &str, error: &anyhow::Error, hint: &str) -> Self {
        // Its own hint is told by the new one: two would contradict each other.
        Self::hinted(format!("{what}: {}", Problem::of(error).what), hint)
    }
}

impl std::fmt::Display for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Environment {}

/// Whether the environment is at fault, and not the chart or the scenario.
pub fn is_environment(error: &anyhow::Error) -> bool {
    environment(error).is_some()
}

/// Another error in place of one, unless the environment is at fault: that stays as it is.
pub fn unless_environment<E: Into<anyhow::Error>>(
    error: anyhow::Error,
    other: impl FnOnce(&anyhow::Error) -> E,
) -> anyhow::Error {
    if is_environment(&error) { error } else { other(&error).into() }
}

fn environment(error: &anyhow::Error) -> Option<&Environment> {
    // The first sees an `Environment` that was added as context, the chain one that was the cause.
    error.downcast_ref::<Environment>().or_else(|| error.chain().find_map(|cause| cause.downcast_ref::<Environment>()))
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    /// A failure would mean that a person reads what to do in the middle of what is wrong, or not at all.
    #[test]
    fn what_to_do_is_told_apart_from_what_is_wrong() {
        let error = anyhow::Error::from(Environment::hinted("no image `REDIS`", "run `chartgate setup`"));
        assert_eq!(error.to_string(), "no image `REDIS`\nhint: run `chartgate setup`");
        let wrapped = Err::<(), _>(error).context("start Redis").unwrap_err();
        let expected = Problem {
            what: "start Redis: no image `REDIS`".to_owned(),
            hint: Some("run `chartgate setup`".to_owned()),
        };
        assert_eq!(Problem::of(&wrapped), expected);
        assert_eq!(Problem::of(&anyhow::anyhow!("a")), Problem { what: "a".to_owned(), hint: None });
    }

    #[test]
    fn the_environment_is_at_fault_as_context_and_as_cause() {
        let cause = || anyhow::anyhow!("refused");
        assert!(is_environment(&Err::<(), _>(cause()).context(Environment::new("no engine")).unwrap_err()));
        assert!(is_environment(&anyhow::Error::from(Environment::new("no engine")).context("a")));
        assert!(!is_environment(&cause()));
    }
}
