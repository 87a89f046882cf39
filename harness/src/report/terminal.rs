//! The summary on the terminal: a line a check, failures last, each with its evidence and the command that repeats it.

use std::fmt::Write;

use super::explanation::{explanation, headline, word};
use super::{Report, ScenarioReport};
use crate::judge::{Finding, Verdict};

/// The summary as text.
pub fn print(report: &Report) -> String {
    let mut out = String::new();
    match render(report, &mut out) {
        Ok(()) => out,
        Err(error) => format!("{out}\nthe summary broke off: {error}\n"),
    }
}

fn render(report: &Report, out: &mut String) -> std::fmt::Result {
    report.scenarios.iter().try_for_each(|scenario| list(scenario, out))?;
    // A person reads from the end: what is broken stands below what could not be proven.
    report.scenarios.iter().try_for_each(|scenario| explain_unproven(scenario, out))?;
    for scenario in &report.scenarios {
        scenario.findings(Verdict::Fail).try_for_each(|finding| explain(scenario, finding, out))?;
    }
    let [passed, failed, void] = [Verdict::Pass, Verdict::Fail, Verdict::Void].map(|verdict| report.count(verdict));
    writeln!(out, "\n{}: {passed} passed, {failed} failed, {void} void", word(report.verdict))?;
    if report.scenarios.is_empty() {
        writeln!(out, "no scenario ran, so nothing was proven")?;
    }
    Ok(())
}

fn list(scenario: &ScenarioReport, out: &mut String) -> std::fmt::Result {
    writeln!(out, "\n{}  {}  {:.1} s", scenario.name, scenario.chart, scenario.seconds)?;
    for finding in scenario.checks.iter().filter(|finding| finding.verdict != Verdict::NotApplicable) {
        writeln!(out, "  {:<7} {:<24} {}", word(finding.verdict), finding.check, headline(finding))?;
    }
    let beside: Vec<_> = scenario.findings(Verdict::NotApplicable).map(|finding| finding.check.as_str()).collect();
    if beside.is_empty() { Ok(()) } else { writeln!(out, "  not applicable: {}", beside.join(", ")) }
}

/// What could not be proven; only by name where something is broken, which is the likely cause.
fn explain_unproven(scenario: &ScenarioReport, out: &mut String) -> std::fmt::Result {
    let unproven: Vec<_> = scenario.findings(Verdict::Void).collect();
    if scenario.findings(Verdict::Fail).next().is_none() {
        return unproven.iter().try_for_each(|finding| explain(scenario, finding, out));
    }
    if unproven.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = unproven.iter().map(|finding| finding.check.as_str()).collect();
    writeln!(out, "\nnot proven in {} because of the failures below: {}", scenario.name, names.join(", "))
}

fn explain(scenario: &ScenarioReport, finding: &Finding, out: &mut String) -> std::fmt::Result {
    write!(out, "\n{} {} in {}\n", word(finding.verdict), finding.check, scenario.name)?;
    out.write_str(&explanation(scenario, finding))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{finding, report};
    use super::*;
    use crate::judge::Evidence;

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
        let end = shown.split("FAIL ready in chart/case\n").nth(1).unwrap_or_default();
        let parts = [
            "  promise   every workload of the manifest was ready",
            "  broken    Deployment `x` has 0 of 1 pods available\n",
            "  shown by  in step 1 (install):\n",
            "+1.234s  pod `x` created",
            "  try       see its log\n",
            "  repeat    chartgate run case.yaml\n",
            "  evidence  out\n",
            "FAIL: 0 passed, 1 failed",
        ];
        for part in parts {
            assert!(end.contains(part), "`{part}` is not at the end of:\n{shown}");
        }
    }

    /// A failure would mean that "nothing was proven" looks like success.
    #[test]
    fn a_void_is_explained_and_an_empty_run_is_void() {
        let shown = print(&report(vec![finding("hook-order", Verdict::Void, "the watch had a gap")]));
        let end = shown.split("VOID hook-order in chart/case\n").nth(1).unwrap_or_default();
        assert!(end.contains("  unproven  the watch had a gap\n"), "{shown}");
        assert!(print(&Report::new(Vec::new())).contains("no scenario ran, so nothing was proven"));
    }

    /// A failure would mean that what matters scrolls away under a wall of logs.
    #[test]
    fn evidence_is_bounded() {
        let log = (0..5000).fold("log ends with:".to_owned(), |log, line| log + &format!("\nline {line} {:0>999}", 0));
        let moments = vec![Evidence { seq: Some(1), at: Some(1), text: log }; 200];
        let loud = Finding { evidence: moments, ..finding("ready", Verdict::Fail, &"broken\n".repeat(900)) };
        let shown = print(&report(vec![loud]));
        assert!(shown.len() < 50_000, "{} characters", shown.len());
        for part in ["log ends with:", "lines are left out", "line 4999 ", "and 188 more in the recording"] {
            assert!(shown.contains(part), "`{part}` is not in:\n{shown}");
        }
    }
}
