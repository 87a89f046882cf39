//! The summary on the terminal: a line a check, then what is red: failures last, each scenario's cause first.

use std::fmt::Write;

use anstyle::Style;
use chartgate_base::stdio::{BAD, DIM, DOUBTFUL, GOOD};
use chartgate_judge::{Finding, Verdict};

use super::explanation::{account, headline, plain, whereabouts, word};
use super::order::{Red, since};
use super::{Report, ScenarioReport};

/// The summary as text, with the codes of its colours.
pub fn print(report: &Report) -> String {
    written(|out| {
        report.scenarios.iter().filter(|scenario| scenario.not_run.is_none()).try_for_each(|it| list(it, out))?;
        render_red(report, out)
    })
}

/// Of the summary, what does not pass and the verdict.
pub fn print_red(report: &Report) -> String {
    written(|out| render_red(report, out))
}

fn written(render: impl FnOnce(&mut String) -> std::fmt::Result) -> String {
    let mut out = String::new();
    match render(&mut out) {
        Ok(()) => out,
        Err(error) => format!("{out}\nthe summary broke off: {error}\n"),
    }
}

/// A verdict's word, in its colour.
pub fn painted(verdict: Verdict) -> String {
    let style = style(verdict);
    format!("{style}{}{style:#}", word(verdict))
}

fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => GOOD,
        Verdict::Fail => BAD,
        Verdict::Void => DOUBTFUL,
        Verdict::Advice | Verdict::Waived | Verdict::NotApplicable => DIM,
    }
}

fn render_red(report: &Report, out: &mut String) -> std::fmt::Result {
    render_not_run(report, out)?;
    // A person reads from the end: what is broken stands below what could not be proven.
    for verdict in [Verdict::Void, Verdict::Fail] {
        let of = report.scenarios.iter().filter(|scenario| scenario.verdict == verdict && scenario.not_run.is_none());
        of.into_iter().try_for_each(|scenario| explain(scenario, out))?;
    }
    if let Some(matrix) = &report.matrix {
        writeln!(out, "\n{}", matrix.table(painted).trim_end_matches('\n'))?;
        for it in &matrix.differences {
            writeln!(out, "differs  {} in {}: {}", it.check, plain(&it.scenario), matrix.said(it))?;
        }
    }
    let [passed, failed, void] = [Verdict::Pass, Verdict::Fail, Verdict::Void].map(|verdict| report.count(verdict));
    let not_run = report.scenarios.iter().filter(|scenario| scenario.not_run.is_some()).count();
    let (void, stopped) = (void - not_run, if not_run == 0 { String::new() } else { format!(", {not_run} not run") });
    writeln!(out, "\n{}: {passed} passed, {failed} failed, {void} void{stopped}", painted(report.verdict))?;
    if report.scenarios.is_empty() {
        writeln!(out, "no scenario ran, so nothing was proven")?;
    }
    Ok(())
}

fn list(scenario: &ScenarioReport, out: &mut String) -> std::fmt::Result {
    writeln!(out, "\n{}  {}  {:.1} s", plain(&scenario.title()), plain(&scenario.chart), scenario.seconds)?;
    for (about, line) in scenario.preface() {
        writeln!(out, "  {DOUBTFUL}{about}{DOUBTFUL:#}: {}", plain(&line))?;
    }
    let is_told = |finding: &&Finding| finding.verdict != Verdict::NotApplicable && since(finding).is_none();
    for finding in scenario.checks.iter().filter(is_told) {
        let style = style(finding.verdict);
        writeln!(out, "  {style}{:<7}{style:#} {:<24} {}", word(finding.verdict), finding.check, headline(finding))?;
    }
    let style = style(Verdict::Void);
    let word = word(Verdict::Void);
    Red::of(scenario).kept().try_for_each(|kept| writeln!(out, "  {style}{word:<7}{style:#} {}", plain(&kept)))?;
    let beside: Vec<_> = scenario.findings(Verdict::NotApplicable).map(|finding| finding.check.as_str()).collect();
    if !beside.is_empty() {
        writeln!(out, "  not applicable: {}", beside.join(", "))?;
    }
    // What stub images leave open is said above.
    if !scenario.not_examined.is_empty() && scenario.replaced.is_none() {
        writeln!(out, "  not examined: {} checks, which need a cluster", scenario.not_examined.len())?;
    }
    scenario.notes.iter().try_for_each(|note| writeln!(out, "  note: {}", plain(note)))
}

/// The scenarios that were not run, or not to their end; they have one cause.
fn render_not_run(report: &Report, out: &mut String) -> std::fmt::Result {
    let stopped: Vec<_> = report.scenarios.iter().filter(|scenario| scenario.not_run.is_some()).collect();
    let Some(cause) = stopped.first().and_then(|scenario| scenario.not_run.as_deref()) else { return Ok(()) };
    writeln!(out, "\n{} not run, because {cause}:", painted(Verdict::Void))?;
    for scenario in stopped {
        let ended = if scenario.steps.is_empty() { "" } else { " (ended while it ran)" };
        writeln!(out, "  {}{ended}", plain(&scenario.title()))?;
    }
    Ok(())
}

/// What is red in a scenario: the cause first of what is broken, and below what is unproven for a reason of its own.
fn explain(scenario: &ScenarioReport, out: &mut String) -> std::fmt::Result {
    let red = Red::of(scenario);
    for finding in red.unproven.iter().chain(&red.broken) {
        write!(out, "\n{} {} in {}\n", painted(finding.verdict), finding.check, plain(&scenario.title()))?;
        out.write_str(&account(scenario, finding))?;
    }
    if let Some((about, line)) = scenario.preface().first() {
        writeln!(out, "  {about}: {}", plain(line))?;
    }
    for (index, finding) in red.explained.iter().enumerate() {
        let label = if index == 0 { "\n  with it" } else { "         " };
        writeln!(out, "{label}   {} {}: {}", painted(finding.verdict), finding.check, headline(finding))?;
    }
    writeln!(out)?;
    out.write_str(&whereabouts(scenario))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{finding, report};
    use super::*;
    use chartgate_judge::Evidence;

    fn print_plainly(report: &Report) -> String {
        chartgate_base::stdio::plain(&print(report))
    }

    /// A failure would mean that a person searches the cause among its consequences.
    #[test]
    fn a_failure_stands_last_with_its_moments_and_what_to_do() {
        let shown = print_plainly(&report(vec![
            finding("ready", Verdict::Fail, "deployment/x has 0 of 1 pods available\nhint: see its log"),
            finding("role-serves", Verdict::Void, "no pod was asked"),
            finding("hook-once", Verdict::NotApplicable, "no hook"),
            finding("renders", Verdict::Pass, "it renders"),
        ]));
        assert!(
            shown.contains("\n  pass    renders                  it renders\n  not applicable: hook-once\n"),
            "{shown}"
        );
        let above = shown.split("FAIL ready in chart/case\n").next().unwrap_or_default();
        assert!(above.contains("\nVOID role-serves in chart/case\n  unproven  no pod was asked\n"), "{shown}");
        let end = shown.split("FAIL ready in chart/case\n").nth(1).unwrap_or_default();
        let parts = [
            "  broken    deployment/x has 0 of 1 pods available\n  promise   every workload of the manifest was ready",
            "  shown by  in step 1 (install):\n",
            "+1.234s  pod/x created",
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
        let shown = print_plainly(&report(vec![finding("hook-order", Verdict::Void, "the watch had a gap")]));
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

    /// A failure would mean that a scenario which was not run is taken for one that passed, or hides what ended the run.
    #[test]
    fn what_was_not_run_is_named_once_and_counted_apart() {
        let mut all = report(vec![finding("ready", Verdict::Fail, "broken")]);
        let stopped = |name: &str| ScenarioReport {
            name: name.to_owned(),
            steps: Vec::new(),
            not_run: Some("`chart/case` did not pass".to_owned()),
            ..report(vec![finding("run", Verdict::Void, "not run")]).scenarios.remove(0)
        };
        all.scenarios.extend([stopped("chart/other"), stopped("chart/third")]);
        let shown = print_plainly(&all);
        let named = "VOID not run, because `chart/case` did not pass:\n  chart/other\n  chart/third\n";
        assert!(shown.contains(named) && !shown.contains("VOID run in"), "{shown}");
        assert!(shown.ends_with("\nFAIL: 0 passed, 1 failed, 0 void, 2 not run\n"), "{shown}");
        let red = chartgate_base::stdio::plain(&print_red(&all));
        assert!(shown.ends_with(&red) && !red.contains("chart 1.0.0"), "{red}");
    }
}
