//! How the command ends: the one place that knows its exit codes.

use chartgate_judge::Verdict;
use chartgate_process::home::is_environment;
use chartgate_yaml::{Invalid, Mistakes};

/// What the command tells whoever called it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every promise held; also of a command that only looks or tells.
    Pass,
    /// A promise was broken.
    Fail,
    /// What the user wrote is wrong: a scenario, a contract, an argument.
    Invalid,
    /// Nothing was proven.
    Void,
    /// Something outside the chart and the scenario is missing: see [`Environment`](chartgate_process::home::Environment).
    Environment,
    /// A person, or the machine's shutting down, ended it.
    Interrupted,
}

impl Ending {
    /// Each of them, by its exit code.
    pub const ALL: [Self; 6] =
        [Self::Pass, Self::Fail, Self::Invalid, Self::Void, Self::Environment, Self::Interrupted];

    /// The exit code: `docs/src/reference/exit-codes.md` is written from it.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::Invalid => 2,
            Self::Void => 3,
            Self::Environment => 4,
            // As a shell says it of what Ctrl-C ended.
            Self::Interrupted => 130,
        }
    }

    /// What it is called where all are listed in a line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Invalid => "a scenario, contract or argument is wrong",
            Self::Void => "void",
            Self::Environment => "the environment lacks something",
            Self::Interrupted => "interrupted",
        }
    }

    /// What it means, and whose turn it is.
    pub fn meaning(self) -> [&'static str; 2] {
        match self {
            Self::Pass => ["every promise held", ""],
            Self::Fail => {
                ["a promise was broken, also where the chart does not render or its pods never start", "the chart's"]
            }
            Self::Invalid => {
                ["a scenario, a contract or an argument is wrong; nothing was started", "the one who wrote it"]
            }
            Self::Void => ["void: the run proved nothing, or not enough", "the scenario's, mostly"],
            Self::Environment => {
                let lacks = "the environment lacks something: an engine, a tool, an image, disk";
                [lacks, "the machine's: `chartgate doctor`"]
            }
            Self::Interrupted => ["interrupted", ""],
        }
    }

    /// All exit codes in a line, as the command's help and the README have them.
    pub fn overview() -> String {
        let all = Self::ALL.map(|ending| format!("{} {}", ending.exit_code(), ending.name()));
        format!("Exit codes: {}.", all.join("; "))
    }
}

impl From<Verdict> for Ending {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Fail => Self::Fail,
            Verdict::Void => Self::Void,
            Verdict::Pass | Verdict::Waived | Verdict::Advice | Verdict::NotApplicable => Self::Pass,
        }
    }
}

impl From<&anyhow::Error> for Ending {
    fn from(error: &anyhow::Error) -> Self {
        if error.chain().any(|cause| cause.is::<Invalid>() || cause.is::<Mistakes>()) {
            Self::Invalid
        } else if is_environment(error) {
            Self::Environment
        } else {
            Self::Void
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use anyhow::anyhow;
    use chartgate_process::home::Environment;

    use super::*;

    /// A failure would mean that CI repeats what a person has to correct, or calls a person for what the machine lacks.
    #[test]
    fn an_error_ends_by_its_type_wherever_it_stands() {
        let wrong = anyhow::Error::from(Invalid("no such scenario".to_owned()));
        assert_eq!(Ending::from(&wrong.context("read the scenarios")), Ending::Invalid);
        let lacking = anyhow::Error::from(Environment::new("no engine"));
        assert_eq!(Ending::from(&lacking.context("start a cluster")), Ending::Environment);
        assert_eq!(Ending::from(&anyhow!("a bug")), Ending::Void);
    }

    /// A failure would mean that two endings cannot be told apart, or that the README promises others.
    #[test]
    fn each_ending_has_an_exit_code_that_the_readme_names() {
        let codes: Vec<u8> = Ending::ALL.map(Ending::exit_code).to_vec();
        assert_eq!(codes, [0, 1, 2, 3, 4, 130]);
        let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
        let words = readme.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(&Ending::overview()), "the README does not say `{}`", Ending::overview());
    }
}
