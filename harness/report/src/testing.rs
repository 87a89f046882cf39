//! Reports for tests.

use chartgate_judge::{Evidence, Finding, Problem, Verdict};

use super::{Report, ScenarioReport, StepReport};

/// A finding that cites one moment.
pub(super) fn finding(check: &str, verdict: Verdict, message: &str) -> Finding {
    let seen = Evidence { seq: Some(1), at: Some(1234), text: "pod/x created".to_owned() };
    let (what, hint) =
        message.split_once("\nhint: ").map_or((message, None), |(what, hint)| (what, Some(hint.to_owned())));
    Finding::of_problems(check, verdict, vec![Problem { what: what.to_owned(), hint }], vec![seen])
}

/// A run of one scenario with one step.
pub(super) fn report(checks: Vec<Finding>) -> Report {
    let verb = "install".to_owned();
    let step = StepReport {
        number: 1,
        verb,
        helm: None,
        revision: Some(1),
        started_ms: 0,
        ended_ms: Some(2000),
        trouble: None,
    };
    Report::new(vec![ScenarioReport {
        name: "chart/case".to_owned(),
        on: None,
        description: "it holds".to_owned(),
        chart: "chart 1.0.0".to_owned(),
        verdict: chartgate_judge::verdict_of(&checks),
        seconds: 2.0,
        steps: vec![step],
        replaced: None,
        checks,
        not_examined: Vec::new(),
        leftovers: Vec::new(),
        notes: Vec::new(),
        not_run: None,
        repeat: Some("chartgate run case.yaml".to_owned()),
        evidence: "out".into(),
    }])
}
