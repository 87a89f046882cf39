//! `helm-lint`: what helm itself finds in the chart.

use chartgate_model::recording::Moment;

use crate::tally::{Tally, not_applicable, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};

pub(crate) const HELM_LINT: Check = Check {
    name: "helm-lint",
    proves: "`helm lint` finds no error in the chart",
    means: "helm, a registry or a tool that reads the chart refuses it or misreads it",
    explanation: include_str!("../explanation/helm-lint.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: helm_lint,
};

fn helm_lint(view: &View) -> Finding {
    let recording = view.recording;
    let linted = recording.entries.iter().find_map(|entry| match &entry.moment {
        Moment::Linted { messages } => Some(messages),
        _ => None,
    });
    let Some(messages) = linted else {
        return not_applicable(HELM_LINT.name, "`helm lint` was not run: `chartgate check` runs it");
    };
    let mut tally = Tally::new(HELM_LINT.name);
    // That the values given do not fit the chart's schema is told with what is rendered.
    let is_refused = view.steps.iter().filter_map(|run| run.rendered.as_ref()).any(|rendered| rendered.error.is_some());
    let of_schema = ["meet the specifications of the schema", "values.yaml: - at '"];
    let is_told = |what: &str| is_refused && of_schema.iter().any(|words| what.contains(words));
    for message in messages.iter().filter(|message| !is_told(&message.what)) {
        let what = format!("helm lint: {}", message.what);
        if message.is_error {
            tally.fail(what)
        } else {
            tally.advise(what)
        };
    }
    tally.proved(note("helm lint was run"));
    tally.finish("`helm lint` finds nothing")
}

#[cfg(test)]
mod tests {
    use crate::Verdict;
    use crate::testing::{Story, check, examples};
    use chartgate_model::recording::LintMessage;

    use super::*;

    fn linted(messages: &[(bool, &str)]) -> Story {
        let messages =
            messages.iter().map(|(is_error, what)| LintMessage { is_error: *is_error, what: (*what).to_owned() });
        Story::good()
            .before(|moment| matches!(moment, Moment::Watching), Moment::Linted { messages: messages.collect() })
    }

    /// A failure would mean that the maintainer must run `helm lint` beside the gate.
    #[test]
    fn an_error_fails_and_a_warning_advises() {
        let old = (false, "templates/a.yaml: autoscaling/v1 HorizontalPodAutoscaler is deprecated");
        let broken = linted(&[old, (true, "Chart.yaml: version is required")]);
        check(&HELM_LINT, &broken, Verdict::Fail, "helm lint: Chart.yaml: version is required");
        check(&HELM_LINT, &linted(&[old]), Verdict::Advice, "is deprecated");
        check(&HELM_LINT, &linted(&[]), Verdict::Pass, "");
        check(&HELM_LINT, &Story::good(), Verdict::NotApplicable, "was not run");
        examples(&HELM_LINT, &linted(&[]), &broken);
    }
}
