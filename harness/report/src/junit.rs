//! `junit.xml`: a suite a scenario, a case a check. Void is an error there, since viewers know no third kind of red.

use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_judge::{Finding, Verdict};
use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use super::explanation::{bounded, explanation, headline, plain, word};
use super::{Matrix, Report, ScenarioReport};

/// The document as text.
pub(super) fn document(report: &Report) -> Result<String> {
    let mut document = Document::new("chartgate");
    document.add_test_suites(report.scenarios.iter().map(|scenario| suite(scenario, report.matrix.as_ref())));
    document.set_time(Duration::from_secs_f64(report.scenarios.iter().map(|scenario| scenario.seconds).sum()));
    if report.scenarios.is_empty() {
        // A document without a case is green to every viewer.
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message("no scenario ran, so nothing was proven").set_type("VOID");
        let mut suite = TestSuite::new("chartgate");
        suite.add_test_case(TestCase::new("run", status));
        document.add_test_suite(suite);
    }
    document.to_string().context("encode JUnit's XML")
}

fn suite(scenario: &ScenarioReport, matrix: Option<&Matrix>) -> TestSuite {
    let mut suite = TestSuite::new(plain(&scenario.title()));
    suite.set_time(Duration::from_secs_f64(scenario.seconds));
    suite.add_property(("chart", plain(&scenario.chart).as_str()));
    suite.add_property(("evidence", scenario.evidence.display().to_string().as_str()));
    if let Some(on) = &scenario.on {
        suite.add_property(("helm", on.helm.as_str()));
        suite.add_property(("kubernetes", on.kubernetes.as_str()));
    }
    let preface = scenario.preface();
    for (about, line) in &preface {
        suite.add_property((*about, plain(line).as_str()));
    }
    let mut lines: Vec<String> = preface.iter().map(|(about, line)| plain(&format!("{about}: {line}"))).collect();
    if let Some(matrix) = matrix {
        let own = matrix.differences.iter().filter(|difference| difference.scenario == scenario.name);
        lines.extend(own.map(|it| format!("{} is not the same on all versions: {}", it.check, matrix.said(it))));
    }
    if !lines.is_empty() {
        suite.set_system_out(lines.join("\n"));
    }
    suite.add_test_cases(scenario.checks.iter().map(|finding| case(scenario, finding)));
    suite
}

fn case(scenario: &ScenarioReport, finding: &Finding) -> TestCase {
    let mut case = TestCase::new(finding.check.as_str(), status(scenario, finding));
    case.set_classname(plain(&scenario.title()));
    if finding.verdict == Verdict::Advice {
        case.set_system_out(bounded(&format!("advice: {}", finding.message)).join("\n"));
    }
    case
}

fn status(scenario: &ScenarioReport, finding: &Finding) -> TestCaseStatus {
    let red = |kind| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(headline(finding)).set_type(word(finding.verdict));
        status.set_description(explanation(scenario, finding));
        status
    };
    match finding.verdict {
        Verdict::Pass | Verdict::Advice => TestCaseStatus::success(),
        Verdict::Fail => red(NonSuccessKind::Failure),
        Verdict::Void => red(NonSuccessKind::Error),
        Verdict::Waived | Verdict::NotApplicable => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(format!("{}: {}", word(finding.verdict), headline(finding)));
            status
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{finding, report};
    use super::*;

    /// A failure would mean that CI shows a broken promise as passed, or not why it is broken.
    #[test]
    fn each_verdict_is_what_viewers_take_it_for() {
        let written = document(&report(vec![
            finding("ready", Verdict::Fail, "0 of 1 <pods> & \u{1b}[31mred\u{1b}[0m\u{0}\nhint: see its log"),
            finding("hook-order", Verdict::Void, "the watch had a gap"),
            finding("hook-once", Verdict::NotApplicable, "no hook"),
            finding("same-image", Verdict::Advice, "two images"),
            finding("renders", Verdict::Pass, "it renders"),
        ]));
        let text = written.unwrap();
        let read = Document::deserialize_from_str(&text).unwrap();
        let suite = &read.test_suites[0];
        assert_eq!((suite.tests, suite.failures, suite.errors), (5, 1, 1), "{text}");
        assert_eq!(text.matches("<skipped").count(), 1, "{text}");
        assert_eq!(suite.test_cases[0].classname.as_ref().unwrap().as_str(), "chart/case");
        for part in ["0 of 1 &lt;pods&gt; &amp; red", "see its log", "+1.234s", "chartgate run case.yaml"] {
            assert!(text.contains(part), "`{part}` is not in:\n{text}");
        }
        assert!(!text.contains('\u{1b}') && !text.contains('\u{0}'), "viewers refuse control characters");
    }

    /// A failure would mean that "nothing ran" is green in CI.
    #[test]
    fn an_empty_run_is_an_error() {
        let text = document(&Report::new(Vec::new())).unwrap();
        assert!(text.contains(r#"errors="1""#) && text.contains("nothing was proven"), "{text}");
    }
}
