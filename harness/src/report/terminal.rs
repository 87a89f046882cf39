//! The summary on the terminal: a line a check, failures last, each with its evidence and the command that repeats it.

use std::fmt::Write;

use super::{Report, ScenarioReport};
use crate::judge::{Finding, Verdict};

/// Evidence of a failure beyond this many moments stands in the recording.
const MOMENTS: usize = 12;

/// The summary as text.
pub fn print(report: &Report) -> String {
    let mut out = String::new();
    match render(report, &mut out) {
        Ok(()) => out,
        Err(error) => format!("{out}\nthe summary broke off: {error}\n"),
    }
}

fn render(report: &Report, out: &mut String) -> std::fmt::Result {
    for scenario in &report.scenarios {
        writeln!(out, "\n{}  {}  {:.1} s", scenario.name, scenario.chart, scenario.seconds)?;
        for finding in scenario.checks.iter().filter(|finding| finding.verdict != Verdict::NotApplicable) {
            writeln!(out, "  {:<7} {:<24} {}", word(finding.verdict), finding.check, first_line(&finding.message))?;
        }
        let beside: Vec<_> = of(scenario, Verdict::NotApplicable).map(|finding| finding.check.as_str()).collect();
        if !beside.is_empty() {
            writeln!(out, "  not applicable: {}", beside.join(", "))?;
        }
    }
    for scenario in &report.scenarios {
        let unproven: Vec<_> = of(scenario, Verdict::Void).collect();
        if of(scenario, Verdict::Fail).next().is_none() {
            unproven.iter().try_for_each(|finding| explain(scenario, finding, out))?;
        } else if !unproven.is_empty() {
            let names: Vec<_> = unproven.iter().map(|finding| finding.check.as_str()).collect();
            writeln!(out, "\nnot proven in {} because of the failures below: {}", scenario.name, names.join(", "))?;
        }
        of(scenario, Verdict::Fail).try_for_each(|finding| explain(scenario, finding, out))?;
    }
    let count = |verdict| report.scenarios.iter().filter(|scenario| scenario.verdict == verdict).count();
    let (passed, failed, void) = (count(Verdict::Pass), count(Verdict::Fail), count(Verdict::Void));
    writeln!(out, "\n{}: {passed} passed, {failed} failed, {void} void", word(report.verdict))?;
    if report.scenarios.is_empty() {
        writeln!(out, "no scenario ran, so nothing was proven")?;
    }
    Ok(())
}

fn of(scenario: &ScenarioReport, verdict: Verdict) -> impl Iterator<Item = &Finding> {
    scenario.checks.iter().filter(move |finding| finding.verdict == verdict)
}

fn explain(scenario: &ScenarioReport, finding: &Finding, out: &mut String) -> std::fmt::Result {
    writeln!(out, "\n{} {} in {}", word(finding.verdict), finding.check, scenario.name)?;
    for line in finding.message.lines() {
        writeln!(out, "  {line}")?;
    }
    for evidence in finding.evidence.iter().take(MOMENTS) {
        let at = evidence.at.map_or(String::new(), |at| format!("+{}.{:03}s", at / 1000, at % 1000));
        let mut lines = evidence.text.lines();
        writeln!(out, "  {at:>10}  {}", lines.next().unwrap_or_default())?;
        for line in lines {
            writeln!(out, "  {:>10}  {line}", "")?;
        }
    }
    if finding.evidence.len() > MOMENTS {
        writeln!(out, "  {:>10}  … and {} more in the recording", "", finding.evidence.len() - MOMENTS)?;
    }
    writeln!(out, "  evidence: {}", scenario.evidence.display())?;
    writeln!(out, "  judge again: chartgate judge {}", scenario.evidence.display())
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "FAIL",
        Verdict::Void => "VOID",
        Verdict::Advice => "advice",
        Verdict::Waived => "waived",
        Verdict::NotApplicable => "not-applicable",
    }
}

fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Evidence;

    fn finding(check: &str, verdict: Verdict, message: &str) -> Finding {
        let seen = Evidence { seq: Some(1), at: Some(1234), text: "pod `x` created".to_owned() };
        Finding { check: check.to_owned(), verdict, message: message.to_owned(), evidence: vec![seen] }
    }

    fn report(checks: Vec<Finding>) -> Report {
        let verdict = crate::judge::verdict_of(&checks);
        let (name, chart) = ("chart/case".to_owned(), "chart 1.0.0".to_owned());
        Report::new(vec![ScenarioReport { name, chart, verdict, seconds: 2.0, checks, evidence: "out".into() }])
    }

    /// A failure would mean that a person searches the cause among its consequences.
    #[test]
    fn a_failure_stands_last_with_its_moments_and_what_to_do() {
        let shown = print(&report(vec![
            finding("ready", Verdict::Fail, "Deployment `x` has 0 of 1 pods available\nhint: see its log"),
            finding("role-serves", Verdict::Void, "step 1 failed"),
            finding("hook-once", Verdict::NotApplicable, "no hook"),
            finding("renders", Verdict::Pass, "it renders"),
        ]));
        assert!(
            shown.contains("\n  pass    renders                  it renders\n  not applicable: hook-once\n"),
            "{shown}"
        );
        assert!(shown.contains("not proven in chart/case because of the failures below: role-serves"), "{shown}");
        let end = shown.split("FAIL ready in chart/case").nth(1).unwrap_or_default();
        for part in ["hint: see its log", "+1.234s  pod `x` created", "chartgate judge out", "FAIL: 0 passed, 1 failed"]
        {
            assert!(end.contains(part), "`{part}` is not at the end of:\n{shown}");
        }
    }

    /// A failure would mean that "nothing was proven" looks like success.
    #[test]
    fn a_void_is_explained_and_an_empty_run_is_void() {
        let shown = print(&report(vec![finding("hook-order", Verdict::Void, "the watch had a gap")]));
        assert!(shown.contains("VOID hook-order in chart/case\n  the watch had a gap"), "{shown}");
        assert!(print(&Report::new(Vec::new())).contains("no scenario ran, so nothing was proven"));
    }
}
