//! What a broken or unproven promise says of itself, as text: the same on the terminal, in CI's viewers and in its summary.

use super::ScenarioReport;
use crate::judge::{self, Evidence, Finding, Verdict};

/// Evidence beyond this many moments stands in the recording.
const MOMENTS: usize = 12;
/// Lines of one moment: the end of a log, or of what helm said.
const LINES: usize = 8;
/// Characters of a line.
const WIDTH: usize = 300;

/// A verdict, as reports show it.
pub(super) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "FAIL",
        Verdict::Void => "VOID",
        Verdict::Advice => "advice",
        Verdict::Waived => "waived",
        Verdict::NotApplicable => "not-applicable",
    }
}

/// What was found, without what to do about it.
pub(super) fn statement(finding: &Finding) -> Vec<&str> {
    finding.message.lines().filter(|line| !line.starts_with("hint: ")).collect()
}

/// The statement's first line.
pub(super) fn headline(finding: &Finding) -> &str {
    statement(finding).first().copied().unwrap_or_default()
}

/// What a person can do about it.
pub(super) fn hint(finding: &Finding) -> Option<&str> {
    finding.message.lines().rev().find_map(|line| line.strip_prefix("hint: "))
}

/// A moment, as reports show it.
pub(super) fn moment(at: u64) -> String {
    format!("+{}.{:03}s", at / 1000, at % 1000)
}

/// The moments to show, and how many more there are.
pub(super) fn shown(finding: &Finding) -> (&[Evidence], usize) {
    let shown = finding.evidence.len().min(MOMENTS);
    (&finding.evidence[..shown], finding.evidence.len() - shown)
}

/// A text of bounded size: its first line and its last ones.
pub(super) fn bounded(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let cut = |line: &&str| match line.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => (*line).to_owned(),
    };
    if lines.len() <= LINES {
        return lines.iter().map(cut).collect();
    }
    let left_out = lines.len() - LINES;
    let first = lines.iter().take(1).map(cut).chain([format!("… {left_out} lines are left out")]);
    first.chain(lines[left_out + 1..].iter().map(cut)).collect()
}

/// What a check promises its user, and what it means if that does not hold; empty for what is no check.
pub(super) fn promise(finding: &Finding) -> Option<(&'static str, &'static str)> {
    judge::all().iter().find(|check| check.name == finding.check).map(|check| (check.proves, check.means))
}

/// The whole explanation, with a line of its own for each of: promise, what was seen, the moments, what to do.
pub(super) fn explanation(scenario: &ScenarioReport, finding: &Finding) -> String {
    let mut lines = Vec::new();
    let mut say = |label: &str, text: String| {
        lines.push(format!("  {label:<9} {text}").trim_end().to_owned());
    };
    if let Some((proves, means)) = promise(finding) {
        say("promise", proves.to_owned());
        say("means", means.to_owned());
    }
    let seen = if finding.verdict == Verdict::Fail { "broken" } else { "unproven" };
    for (index, line) in bounded(&statement(finding).join("\n")).into_iter().enumerate() {
        say(if index == 0 { seen } else { "" }, line);
    }
    let (moments, more) = shown(finding);
    for index in 0..moments.len() {
        let label = if index == 0 { "shown by" } else { "" };
        for (index, line) in evidence_lines(scenario, moments, index).into_iter().enumerate() {
            say(if index == 0 { label } else { "" }, line);
        }
    }
    if more > 0 {
        say("", format!("… and {more} more in the recording"));
    }
    let ask = format!("`chartgate explain {}` says what the check proves", finding.check);
    say("try", hint(finding).map_or(ask, str::to_owned));
    if let Some(command) = &scenario.repeat {
        say("repeat", command.clone());
    }
    say("evidence", scenario.evidence.display().to_string());
    lines.join("\n") + "\n"
}

/// One moment: when, in which step, and what was seen. The step is named where it changes.
fn evidence_lines(scenario: &ScenarioReport, moments: &[Evidence], index: usize) -> Vec<String> {
    let evidence = &moments[index];
    let step = |evidence: &Evidence| evidence.at.and_then(|at| scenario.step_at(at)).map(super::StepReport::label);
    let before = moments[..index].iter().rev().find_map(step);
    let mut lines = Vec::new();
    if let Some(label) = step(evidence).filter(|label| before.as_ref() != Some(label)) {
        lines.push(format!("in {label}:"));
    }
    let at = evidence.at.map_or(String::new(), moment);
    for (index, line) in bounded(&evidence.text).into_iter().enumerate() {
        lines.push(format!("{:>10}  {line}", if index == 0 { at.as_str() } else { "" }));
    }
    lines
}
