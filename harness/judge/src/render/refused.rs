//! Steps that `helm template` refuses: whether that is the chart's fault, and what to do about it.

use crate::step::Rendered;
use crate::tally::Tally;
use crate::view::{StepRun, View};
use chartgate_model::finding::Evidence;
use chartgate_model::plan::Plan;
use chartgate_model::recording::Entry;
use chartgate_model::refusal::{Ground, Refusal, message};

/// The release's own values lack what this version of the chart has added to its `values.yaml`.
pub(super) const NIL_HINT: &str =
    "a value that is new in this version is nil here: give it a default in the template, too";

const VALUES_HINT: &str = "give the value with `--values FILE`, or in a file `ci/NAME-values.yaml` of the chart";
const CLUSTER_HINT: &str = "give what the chart asks for with `--values FILE`, or in a file `ci/NAME-values.yaml` of the chart; `chartgate run` asks a cluster";
const TEMPLATE_HINT: &str = "`helm template` with these values says the same";

/// Whether the chart refuses the values on purpose: by `fail`, `required` or its schema. All else is a template that breaks.
pub fn is_refusal_on_purpose(error: &str) -> bool {
    Refusal::of(error).ground == Ground::Values
}

/// That values are missing, which ones, and the chart's own sentence.
pub fn needs_values(error: &str) -> String {
    let refusal = Refusal::of(error);
    needing(&refusal, &refusal.values(""))
}

/// The values that a refusal of a render names.
fn missing(refusal: &Refusal, rendered: &Rendered) -> Vec<String> {
    if rendered.needs.is_empty() { refusal.values("") } else { rendered.needs.to_vec() }
}

fn needing(refusal: &Refusal, values: &[String]) -> String {
    let named: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
    let named = if named.is_empty() { String::new() } else { format!("{}: ", named.join(", ")) };
    let place = refusal.place().map_or(String::new(), |place| format!(" ({place})"));
    format!("needs values: {named}{}{place}", refusal.sentence)
}

/// Whether the chart's own values are all that it is given: one that asks for more is not broken. What it takes at the install and
/// refuses afterwards is its own doing.
fn is_without_values(view: &View, run: &StepRun) -> bool {
    let Plan { file, base_files, values_files, set, .. } = view.plan;
    let is_first = !view.steps.iter().take(run.index).any(StepRun::is_succeeded);
    file.is_none() && base_files.is_empty() && values_files.is_empty() && set.is_empty() && is_first
}

/// What `helm template` refuses, helm may render on a cluster: there it decides.
pub(super) fn judge(view: &View, run: &StepRun, rendered: &Rendered, error: &str, tally: &mut Tally) {
    let label = run.label();
    let said = run.helm.filter(|(_, call)| call.status != Some(0)).map(|(_, call)| call.stderr.as_str());
    if run.started.is_none() {
        let is_on_cluster = view.steps.iter().any(|run| run.started.is_some());
        match view.shortfall().filter(|_| is_on_cluster) {
            Some(why) => drop(tally.void_since(&why, format!("what {label} renders is unknown: {why}"))),
            None if rendered.asks_cluster => {
                let claim = tally.void(needing_cluster(view, run, rendered, error));
                claim.with([seen(rendered.entry, message(error))]).hint(CLUSTER_HINT);
            }
            None => claim_refused(view, run, rendered.entry, rendered, error, tally),
        }
        return;
    }
    match (run.helm, said.filter(|said| is_of_rendering(&Refusal::of(said)))) {
        (Some((entry, _)), Some(said)) => claim_refused(view, run, entry, rendered, said, tally),
        (Some((entry, _)), None) => tally.proved(seen(entry, format!("helm renders {label} on the cluster"))),
        (None, _) => drop(tally.void(format!("what {label} renders was not recorded"))),
    }
}

/// Why only a cluster shows what a step renders. The chart's own sentence says more than that it asks for what is in one.
fn needing_cluster(view: &View, run: &StepRun, rendered: &Rendered, error: &str) -> String {
    let refusal = Refusal::of(error);
    let asks = "the chart asks for what is in a cluster, so it may render there";
    let missing = missing(&refusal, rendered);
    if refusal.ground == Ground::Values && is_without_values(view, run) && !missing.is_empty() {
        return format!("{}; {asks}", needing(&refusal, &missing));
    }
    let place = refusal.place().map_or(String::new(), |place| format!(" ({place})"));
    format!("what {} renders needs a cluster: {}{place}; {asks}", run.label(), refusal.sentence)
}

/// Whether helm failed because the chart does not render.
pub(super) fn is_of_rendering(refusal: &Refusal) -> bool {
    matches!(refusal.ground, Ground::Values | Ground::Template)
}

/// The chart does not render for anyone; or it asks for values that only its user knows.
fn claim_refused(view: &View, run: &StepRun, at: &Entry, rendered: &Rendered, said: &str, tally: &mut Tally) {
    let refusal = Refusal::of(said);
    let place = refusal.place().map_or(String::new(), |place| format!(" ({place})"));
    let claim = if refusal.ground == Ground::Values && is_without_values(view, run) {
        tally.void(needing(&refusal, &missing(&refusal, rendered)))
    } else {
        tally.fail(format!("the chart does not render for {}: {}{place}", run.label(), refusal.sentence))
    };
    claim.with([seen(at, message(said))]).hint(match refusal.ground {
        _ if run.step.reuses_values => NIL_HINT.to_owned(),
        Ground::Values => VALUES_HINT.to_owned(),
        _ => refusal.place().map_or_else(|| TEMPLATE_HINT.to_owned(), |place| format!("correct {place}")),
    });
}

pub(super) fn seen(entry: &Entry, text: String) -> Evidence {
    Evidence { seq: Some(entry.seq), at: Some(entry.at), text }
}
