//! In which order what is red is told: the cause before what follows from it, and what was only kept from being proven in one line.

use chartgate_judge::{Finding, Verdict};

use super::ScenarioReport;

/// What is red in a scenario.
pub(super) struct Red<'a> {
    /// Broken promises, what explains most first.
    pub broken: Vec<&'a Finding>,
    /// Broken, too, but told by one of `broken`.
    pub explained: Vec<&'a Finding>,
    /// Unproven for a reason of its own.
    pub unproven: Vec<&'a Finding>,
    /// Unproven for a reason that is told elsewhere, and the names of the checks.
    pub since: Vec<(&'a str, Vec<&'a str>)>,
}

impl<'a> Red<'a> {
    pub(super) fn of(scenario: &'a ScenarioReport) -> Self {
        let mut failed: Vec<&Finding> = scenario.findings(Verdict::Fail).collect();
        failed.sort_by_key(|finding| chartgate_judge::distance(&finding.check));
        let is_explained =
            |finding: &Finding| failed.iter().any(|by| chartgate_judge::is_explained(&finding.check, &by.check));
        let (explained, broken): (Vec<&Finding>, Vec<&Finding>) =
            failed.iter().copied().partition(|finding| is_explained(finding));
        let unproven = scenario.findings(Verdict::Void).filter(|finding| since(finding).is_none()).collect();
        let mut kept: Vec<(&str, Vec<&str>)> = Vec::new();
        for (why, finding) in scenario.findings(Verdict::Void).filter_map(|finding| Some((since(finding)?, finding))) {
            match kept.iter_mut().find(|(known, _)| *known == why) {
                Some((_, names)) => names.push(&finding.check),
                None => kept.push((why, vec![&finding.check])),
            }
        }
        Self { broken, explained, unproven, since: kept }
    }

    /// One line for each reason that kept checks from being proven.
    pub(super) fn kept(&self) -> impl Iterator<Item = String> {
        self.since.iter().map(|(why, names)| format!("since {why}: {}", names.join(", ")))
    }
}

/// Why alone a finding is void, where another one tells it.
pub(super) fn since(finding: &Finding) -> Option<&str> {
    finding.since.as_deref().filter(|_| finding.verdict == Verdict::Void)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{finding, report};
    use super::*;

    fn names<'a>(findings: &[&'a Finding]) -> Vec<&'a str> {
        findings.iter().map(|finding| finding.check.as_str()).collect()
    }

    /// A failure would mean that a person reads that helm failed before they read why.
    #[test]
    fn the_cause_is_told_first_and_its_symptoms_in_short() {
        let scenario = report(vec![
            finding("release-outcome", Verdict::Fail, "step 2 (upgrade) failed"),
            finding("ready", Verdict::Fail, "0 of 1 pods"),
            finding("role-env", Verdict::Fail, "MODE is not set"),
            finding("immutable-fields", Verdict::Fail, "the selector changed"),
        ]);
        let red = Red::of(&scenario.scenarios[0]);
        assert_eq!(names(&red.broken), ["role-env", "immutable-fields"]);
        assert_eq!(names(&red.explained), ["ready", "release-outcome"]);
    }

    /// A failure would mean that a step's failure is not explained at all, because something beside it is broken too.
    #[test]
    fn a_failed_step_is_told_in_full_where_nothing_else_tells_why() {
        let failed = [finding("release-outcome", Verdict::Fail, "x"), finding("image-pinned", Verdict::Fail, "y")];
        let scenario = report(failed.to_vec());
        assert_eq!(names(&Red::of(&scenario.scenarios[0]).broken), ["image-pinned", "release-outcome"]);
    }

    /// A failure would mean that one failure is buried under many voids that only follow from it, or that one of its own is.
    #[test]
    fn voids_that_follow_are_one_line_and_others_are_told() {
        let follows = |check| Finding {
            since: Some("step 2 (upgrade) failed".to_owned()),
            ..finding(check, Verdict::Void, "not all of it could be proven: step 2 (upgrade) failed: timed out")
        };
        let own = finding("hook-order", Verdict::Void, "the watch had a gap");
        let scenario = report(vec![follows("role-env"), own, follows("same-image")]);
        let red = Red::of(&scenario.scenarios[0]);
        assert_eq!(red.kept().collect::<Vec<_>>(), ["since step 2 (upgrade) failed: role-env, same-image"]);
        assert_eq!(names(&red.unproven), ["hook-order"]);
    }
}
