//! GitHub Actions: scenarios run side by side, so each one's lines are held back until it ends, and fold together there.

use std::collections::BTreeMap;
use std::time::Duration;

use chartgate_report::github;

use super::board::{Phase, Standing};
use super::stamped;

/// The lines of the scenarios that have not ended.
#[derive(Default)]
pub struct Groups(BTreeMap<String, Vec<String>>);

impl Groups {
    /// Takes lines of a scenario, and gives those that are to be printed now.
    pub fn take(&mut self, of: &Standing, lines: Vec<String>, now: Duration) -> Vec<String> {
        let held = self.0.entry(of.name.clone()).or_default();
        let is_first = held.is_empty() && !lines.is_empty();
        held.extend(lines);
        match &of.phase {
            Phase::Ended(_) => {
                let held = self.0.remove(&of.name).unwrap_or_default();
                // The last line says how it ended; a reader who unfolds nothing must see it.
                let title = held.last().cloned().unwrap_or_default();
                let begin = [format!("::group::{}", github::data(title.trim_start()))];
                begin.into_iter().chain(held).chain(["::endgroup::".to_owned()]).collect()
            }
            // A job that says nothing for minutes looks dead.
            _ if is_first => vec![stamped(now, &format!("{}: its log follows when it ends", of.name))],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chartgate_cluster::Doing;
    use chartgate_judge::Verdict;

    /// A failure would mean that a job's log mixes what scenarios say that run side by side.
    #[test]
    fn a_scenarios_lines_are_held_back_and_fold_together() {
        let standing = |name: &str, phase| Standing { name: name.to_owned(), phase, since: Duration::ZERO };
        let working = || Phase::Working(Doing::from("helm install"), None);
        let (mut groups, now) = (Groups::default(), Duration::from_secs(3));
        let line = |text: &str| vec![text.to_owned()];
        assert_eq!(
            groups.take(&standing("c/a", working()), line("a1"), now),
            ["    3.0s  c/a: its log follows when it ends"]
        );
        assert_eq!(groups.take(&standing("c/b", working()), line("b1"), now).len(), 1);
        assert!(groups.take(&standing("c/a", working()), line("a2"), now).is_empty());
        let shown = groups.take(&standing("c/a", Phase::Ended(Verdict::Fail)), line("  9.0s  c/a: FAIL: 50%"), now);
        assert_eq!(shown, ["::group::9.0s  c/a: FAIL: 50%25", "a1", "a2", "  9.0s  c/a: FAIL: 50%", "::endgroup::"]);
    }
}
