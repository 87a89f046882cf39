//! What a broken or unproven promise says of itself, as text: the same on the terminal, in CI's viewers and in its summary.

use chartgate_judge::{Evidence, Finding, Verdict};

use super::ScenarioReport;

/// Evidence beyond this many moments stands in the recording.
const MOMENTS: usize = 12;
/// Lines of one moment: the end of a log, or of what helm said.
const LINES: usize = 8;
/// Characters of a line of evidence.
const WIDTH: usize = 300;
/// Characters of a line that says what is wrong: the API server quotes whole objects, and its reason comes last.
const SENTENCE: usize = 4000;

/// A verdict, as reports show it.
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "FAIL",
        Verdict::Void => "VOID",
        Verdict::Advice => "advice",
        Verdict::Waived => "waived",
        Verdict::NotApplicable => "not-applicable",
    }
}

/// A text of a chart, a pod or a cluster as it may be shown: without what steers a terminal, and without what no file format takes.
pub fn plain(text: &str) -> String {
    let text = strip_ansi_escapes::strip_str(text.replace('\t', "    "));
    let is_shown = |c: char| match c {
        '\n' => true,
        // Noncharacters, and what turns the direction of the text around it.
        '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
        c => !c.is_control(),
    };
    text.chars().filter(|c| is_shown(*c)).collect()
}

/// The statement's first line.
pub(super) fn headline(finding: &Finding) -> String {
    cut(finding.statement().lines().next().unwrap_or_default(), SENTENCE)
}

/// What a person can do about it, as it may be shown.
pub(super) fn hint(finding: &Finding) -> Option<String> {
    finding.hint().map(plain)
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

/// A text of bounded size, as it may be shown: its first line and its last ones.
pub(super) fn bounded(text: &str) -> Vec<String> {
    bounded_to(text, WIDTH)
}

/// What was found, of bounded size: its first line says it all.
pub(super) fn bounded_statement(finding: &Finding) -> Vec<String> {
    bounded_to(finding.statement(), SENTENCE)
}

fn bounded_to(text: &str, width: usize) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() <= LINES {
        return lines.iter().map(|line| cut(line, width)).collect();
    }
    let left_out = lines.len() - LINES;
    let first = lines.iter().take(1).map(|line| cut(line, width)).chain([format!("… {left_out} lines are left out")]);
    first.chain(lines[left_out + 1..].iter().map(|line| cut(line, width))).collect()
}

/// A line of bounded width, which ends at a word's end.
fn cut(line: &str, width: usize) -> String {
    // What steers a terminal takes room, too, but not as much; a line may be as long as a whole log.
    let start: String = line.chars().take(10 * width).collect();
    let shown = plain(&start).replace('\n', " ");
    match shown.char_indices().nth(width) {
        Some((end, _)) => {
            let kept = &shown[..end];
            let words = kept.rfind(' ').filter(|space| *space > end / 2).map_or(kept, |space| &kept[..space]);
            format!("{words}…")
        }
        None => shown,
    }
}

/// What a check promises its user, and what it means if that does not hold; empty for what is no check.
pub(super) fn promise(finding: &Finding) -> Option<(&'static str, &'static str)> {
    chartgate_judge::all().find(|check| check.name == finding.check).map(|check| (check.proves, check.means))
}

/// The whole explanation, with a line of its own for each of: promise, what was seen, the moments, what to do, and where there is more.
pub(super) fn explanation(scenario: &ScenarioReport, finding: &Finding) -> String {
    account(scenario, finding) + &whereabouts(scenario)
}

/// The explanation without what is the same for every finding of the scenario.
pub(super) fn account(scenario: &ScenarioReport, finding: &Finding) -> String {
    let mut lines = Lines::default();
    let seen = if finding.verdict == Verdict::Fail { "broken" } else { "unproven" };
    lines.say(seen, bounded_statement(finding));
    if let Some((proves, means)) = promise(finding) {
        lines.say("promise", [proves.to_owned()]);
        lines.say("means", [means.to_owned()]);
    }
    lines.say("template", finding.templates.iter().map(|template| plain(template)));
    let (moments, more) = shown(finding);
    let told = (0..moments.len()).flat_map(|index| evidence_lines(scenario, moments, index));
    let more = (more > 0).then(|| format!("… and {more} more in the recording"));
    lines.say("shown by", told.chain(more));
    let ask = format!("`chartgate explain {}` says what the check proves", finding.check);
    lines.say("try", [hint(finding).unwrap_or(ask)]);
    lines.0
}

/// How to see it again, and where everything lies.
pub(super) fn whereabouts(scenario: &ScenarioReport) -> String {
    let mut lines = Lines::default();
    lines.say("repeat", scenario.repeat.as_deref().map(plain));
    // Of what nobody ran there is none.
    let evidence = scenario.evidence.display().to_string();
    lines.say("evidence", Some(evidence).filter(|place| !place.is_empty()));
    lines.0
}

/// Lines under labels.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn say(&mut self, label: &str, lines: impl IntoIterator<Item = String>) {
        for (index, line) in lines.into_iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            self.0 += format!("  {label:<9} {line}").trim_end();
            self.0.push('\n');
        }
    }
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
