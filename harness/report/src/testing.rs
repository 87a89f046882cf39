//! Reports for tests.

use chartgate_judge::{Evidence, Finding, Verdict};

use super::{Report, ScenarioReport, StepReport};

/// A finding that cites one moment.
pub(super) fn finding(check: &str, verdict: Verdict, message: &str) -> Finding {
    let seen = Evidence { seq: Some(1), at: Some(1234), text: "pod `x` created".to_owned() };
    Finding {
        check: check.to_owned(),
        verdict,
        message: message.to_owned(),
        evidence: vec![seen],
        problems: Vec::new(),
        since: None,
        templates: Vec::new(),
    }
}

/// A run of one scenario with one step.
pub(super) fn report(checks: Vec<Finding>) -> Report {
    let verb = "install".to_owned();
    let step = StepReport { number: 1, verb, revision: Some(1), started_ms: 0, ended_ms: Some(2000), trouble: None };
    Report::new(vec![ScenarioReport {
        name: "chart/case".to_owned(),
        description: "it holds".to_owned(),
        chart: "chart 1.0.0".to_owned(),
        verdict: chartgate_judge::verdict_of(&checks),
        seconds: 2.0,
        steps: vec![step],
        replaced: None,
        checks,
        not_examined: Vec::new(),
        notes: Vec::new(),
        not_run: None,
        repeat: Some("chartgate run case.yaml".to_owned()),
        evidence: "out".into(),
    }])
}
