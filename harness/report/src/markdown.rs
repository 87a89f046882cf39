//! `summary.md`: what a CI job's page shows. GitHub takes a megabyte of it, and a person far less.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;

use anyhow::{Context, Result};
use chartgate_judge::{Finding, Verdict};

use super::explanation::{explanation, headline, plain, word};
use super::order::Red;
use super::{Difference, Matrix, Report, ScenarioReport};

/// Failures that are explained; the page of the report has all.
const EXPLAINED: usize = 20;

/// Appends the summary to the one of the job, where GitHub Actions runs us.
///
/// # Errors
/// If the file that GitHub names cannot be written to.
pub fn append_to_job_summary(report: &Report) -> Result<()> {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else { return Ok(()) };
    let file = File::options().create(true).append(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(summary(report).as_bytes()));
    written.with_context(|| format!("append to GITHUB_STEP_SUMMARY, `{}`", path.to_string_lossy()))
}

/// The summary as Markdown.
pub(super) fn summary(report: &Report) -> String {
    let mut out = String::new();
    match render(report, &mut out) {
        Ok(()) => out,
        Err(error) => format!("{out}\n\nThe summary broke off: {error}\n"),
    }
}

fn render(report: &Report, out: &mut String) -> std::fmt::Result {
    let [passed, failed, void] = [Verdict::Pass, Verdict::Fail, Verdict::Void].map(|verdict| report.count(verdict));
    writeln!(out, "## chartgate: {}\n", word(report.verdict))?;
    if report.scenarios.is_empty() {
        return writeln!(out, "No scenario ran, so nothing was proven.");
    }
    writeln!(out, "{passed} passed, {failed} failed, {void} void.\n")?;
    for scenario in &report.scenarios {
        for (about, line) in scenario.preface() {
            writeln!(out, "> {}: **{about}**: {}", inline(&scenario.title()), inline(&line))?;
        }
        writeln!(out)?;
    }
    if let Some(matrix) = &report.matrix {
        table(matrix, out)?;
    }
    writeln!(out, "| verdict | scenario | chart | checks passed | time |\n| --- | --- | --- | ---: | ---: |")?;
    report.scenarios.iter().try_for_each(|scenario| row(scenario, out))?;
    let mut left = EXPLAINED;
    for verdict in [Verdict::Fail, Verdict::Void] {
        let of = report.scenarios.iter().filter(|scenario| scenario.verdict == verdict);
        of.into_iter().try_for_each(|scenario| explain(scenario, &mut left, out))?;
    }
    let red: usize = report.scenarios.iter().map(|scenario| told(&Red::of(scenario)).count()).sum();
    if red > EXPLAINED {
        writeln!(out, "\n… and {} more in `report.html`.", red - EXPLAINED)?;
    }
    Ok(())
}

/// What is explained in full.
fn told<'r, 'a>(red: &'r Red<'a>) -> impl Iterator<Item = &'r &'a Finding> {
    red.broken.iter().chain(&red.unproven)
}

fn row(scenario: &ScenarioReport, out: &mut String) -> std::fmt::Result {
    let applied = scenario.checks.iter().filter(|finding| finding.verdict != Verdict::NotApplicable).count();
    let passed = scenario.findings(Verdict::Pass).count();
    let (name, chart) = (inline(&scenario.title()), inline(&scenario.chart));
    let (verdict, seconds) = (word(scenario.verdict), scenario.seconds);
    writeln!(out, "| {verdict} | {name} | {chart} | {passed} of {applied} | {seconds:.1} s |")
}

/// Scenarios by versions, and what is not the same on all of them.
fn table(matrix: &Matrix, out: &mut String) -> std::fmt::Result {
    let titles: Vec<String> = matrix.columns.iter().map(|column| inline(&column.to_string())).collect();
    writeln!(out, "| scenario | {} |\n| --- |{}", titles.join(" | "), " --- |".repeat(matrix.columns.len()))?;
    for row in &matrix.rows {
        let verdicts: Vec<&str> = row.verdicts.iter().map(|verdict| verdict.map_or("", word)).collect();
        writeln!(out, "| {} | {} |", inline(&row.scenario), verdicts.join(" | "))?;
    }
    let difference = |it: &Difference| {
        format!("- {} in {}: {}\n", inline(&it.check), inline(&it.scenario), inline(&matrix.said(it)))
    };
    let differences: String = matrix.differences.iter().map(difference).collect();
    if differences.is_empty() {
        return writeln!(out, "\nEach check ended the same on all versions.\n");
    }
    writeln!(out, "\nNot the same on all versions:\n\n{differences}")
}

fn explain(scenario: &ScenarioReport, left: &mut usize, out: &mut String) -> std::fmt::Result {
    let red = Red::of(scenario);
    if *left == 0 {
        return Ok(());
    }
    for finding in told(&red).take(*left) {
        *left -= 1;
        explain_one(scenario, finding, out)?;
    }
    for finding in &red.explained {
        writeln!(
            out,
            "\nWith it: {} {}: {}",
            word(finding.verdict),
            inline(&finding.check),
            inline(&headline(finding))
        )?;
    }
    red.kept().try_for_each(|kept| writeln!(out, "\nNot proven {}.", inline(&kept)))
}

fn explain_one(scenario: &ScenarioReport, finding: &Finding, out: &mut String) -> std::fmt::Result {
    let text = explanation(scenario, finding);
    let fence = fence(&text);
    let (check, name) = (inline(&finding.check), inline(&scenario.title()));
    writeln!(out, "\n### {} {check} in {name}\n\n{}\n", word(finding.verdict), inline(&headline(finding)))?;
    writeln!(out, "<details><summary>evidence, and what to try</summary>\n\n{fence}text\n{text}{fence}\n\n</details>")
}

/// A fence longer than any run of backticks in a text.
fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    "`".repeat(longest.max(2) + 1)
}

/// A line of foreign text that is neither markup nor the end of a table's cell.
pub fn inline(text: &str) -> String {
    let text = plain(text);
    let line = text.lines().next().unwrap_or_default();
    line.chars().fold(String::new(), |mut out, c| {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '|' | '*' | '_' | '[' | ']' | '\\' | '#' | '!' | '~' | '$' => out.extend(['\\', c]),
            // Zero-width: a name is no one's who would be told of it.
            '@' => out.push_str("@\u{200b}"),
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{finding, report};
    use super::*;

    /// A failure would mean that a job's page does not say what broke, or that a log line turns into markup there.
    #[test]
    fn a_summary_says_what_broke_and_keeps_foreign_text_plain() {
        let message = "role `a|b` <img src=x> has\n```\nhint: see its log";
        let text = summary(&report(vec![
            finding("ready", Verdict::Fail, message),
            finding("renders", Verdict::Pass, "it renders"),
            finding("hook-once", Verdict::NotApplicable, "no hook"),
        ]));
        assert!(text.contains("| FAIL | chart/case | chart 1.0.0 | 1 of 2 | 2.0 s |"), "{text}");
        assert!(text.contains("\nrole `a\\|b` &lt;img src=x&gt; has\n"), "{text}");
        assert!(text.contains("\n````text\n") && text.contains("see its log"), "{text}");
    }

    /// A failure would mean that GitHub refuses the summary of the run that needs it most.
    #[test]
    fn a_summary_of_a_run_that_failed_everywhere_is_small() {
        let one = report(vec![finding("ready", Verdict::Fail, &"broken\n".repeat(500)); 30]);
        let text = summary(&Report::new(vec![one.scenarios[0].clone(); 50]));
        assert!(text.len() < 200_000, "{} bytes", text.len());
        assert!(text.contains("and 1480 more in `report.html`"), "{}", &text[text.len() - 200..]);
    }
}
