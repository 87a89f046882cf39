//! GitHub Actions: what its runner makes of lines that a job prints.

use std::path::Path;

use chartgate_base::random;

use super::explanation::{headline, word};
use super::{Report, ScenarioReport};

/// Whether a job of GitHub Actions runs us.
pub fn is_here() -> bool {
    std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true")
}

/// A note at the file of each scenario that does not pass, which the runner shows beside the change that is reviewed: one line each.
pub fn annotations<'a>(report: &Report, file_of: impl Fn(&str) -> Option<&'a Path>) -> String {
    let red = report.scenarios.iter().filter(|scenario| scenario.verdict.is_red());
    red.map(|scenario| annotation(scenario, file_of(&scenario.name)) + "\n").collect()
}

/// One that could not be proven is as red as a broken one; one that was not run has its cause elsewhere.
fn annotation(scenario: &ScenarioReport, file: Option<&Path>) -> String {
    let command = if scenario.not_run.is_some() { "warning" } else { "error" };
    let file = file.map(|path| format!("file={},", property(&path.display().to_string()))).unwrap_or_default();
    let title = format!("{} {}", word(scenario.verdict), scenario.title());
    let decisive = scenario.decisive().into_iter();
    let found: Vec<_> = decisive.map(|finding| format!("{}: {}", finding.check, headline(finding))).collect();
    format!("::{command} {file}title={}::{}", property(&title), data(&found.join("\n")))
}

/// A text between two lines that keep the runner from taking what a chart's pods log for commands.
pub fn uninterpreted(text: &str) -> String {
    let token = random::text(20);
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("::stop-commands::{token}\n{text}{end}::{token}::\n")
}

/// A text as a command's message.
pub fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A text as the value of one of a command's properties.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{finding, report};
    use super::*;
    use chartgate_judge::Verdict;

    /// A failure would mean that a reviewer does not see what broke, the cause first, or that a chart's own words end the note.
    #[test]
    fn a_scenario_that_does_not_pass_is_noted_at_its_file() {
        let red = report(vec![
            finding("ready", Verdict::Fail, "100% of `a:b`, at\r\nhint: see its log"),
            finding("same-image", Verdict::Fail, "two images"),
            finding("hook-order", Verdict::Void, "the watch had a gap"),
            finding("renders", Verdict::Pass, "it renders"),
        ]);
        assert_eq!(
            annotations(&red, |_| Some(Path::new("scenarios/a,b/case.yaml"))),
            "::error file=scenarios/a%2Cb/case.yaml,title=FAIL chart/case::same-image: two images%0Aready: 100%25 of `a:b`, at\n"
        );
        let mut stopped = red;
        stopped.scenarios[0].not_run = Some("interrupted".to_owned());
        assert!(annotations(&stopped, |_| None).starts_with("::warning title=FAIL chart/case::"));
        assert_eq!(annotations(&report(vec![finding("ready", Verdict::Pass, "")]), |_| None), "");
    }

    /// A failure would mean that a line in a chart's log switches the runner's commands on again.
    #[test]
    fn the_word_that_ends_the_silence_is_new_each_time() {
        let (one, other) = (uninterpreted("::error::x"), uninterpreted("::error::x"));
        let lines: Vec<_> = one.lines().collect();
        let token = lines[0].strip_prefix("::stop-commands::").unwrap();
        assert_eq!(lines[1..], ["::error::x", &format!("::{token}::")]);
        assert_ne!(one, other);
    }
}
