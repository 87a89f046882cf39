//! `mutation.xml`: a suite a chart, a case an operator.

use anyhow::{Context, Result};
use chartgate_judge::Verdict;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::report::{ChartReport, Fate, MutationReport, OperatorReport};

/// The document as text.
pub(super) fn document(report: &MutationReport) -> Result<String> {
    let mut document = Report::new("chartgate mutate");
    document.add_test_suites(report.charts.iter().map(suite));
    document.to_string().context("encode JUnit's XML")
}

fn suite(chart: &ChartReport) -> TestSuite {
    let mut suite = TestSuite::new(chart.name.as_str());
    suite.add_test_cases(chart.operators.iter().map(|operator| {
        let mut case = TestCase::new(operator.operator.as_str(), status(operator));
        case.set_classname(chart.name.as_str());
        case
    }));
    // A suite without a red case is green to every viewer.
    let mut whole = TestCaseStatus::success();
    if chart.verdict.is_red() {
        whole = TestCaseStatus::non_success(match chart.verdict {
            Verdict::Void => NonSuccessKind::Error,
            _ => NonSuccessKind::Failure,
        });
        whole.set_message(chart.why.clone().unwrap_or_default());
    }
    suite.add_test_case(TestCase::new("score", whole));
    suite
}

fn status(operator: &OperatorReport) -> TestCaseStatus {
    let message = operator.why.clone().unwrap_or_default();
    match operator.fate {
        Fate::Killed => TestCaseStatus::success(),
        Fate::Survived => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(format!("would pass unseen: {}", operator.harm)).set_type("SURVIVED");
            status.set_description(format!("{message}\nadd: {}", operator.remedy.as_deref().unwrap_or_default()));
            status
        }
        Fate::Accepted | Fate::NotApplied | Fate::AdviceOnly | Fate::NotTried => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(message);
            status
        }
    }
}
