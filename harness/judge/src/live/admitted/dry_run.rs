//! What an API server says of rendered objects that it does not make.

use std::collections::BTreeMap;

use chartgate_model::recording::{DryRunAnswer, Moment};

use super::rule::{QUOTA, SILENT_WEBHOOK, rule};
use crate::Finding;
use crate::tally::{Tally, at, not_applicable, note};
use crate::view::View;

/// Who refuses what no admission plugin does.
const SERVER: &str = "the API server";
/// How many kinds of unexamined objects a message names.
const NAMED: usize = 3;

/// What an answer says of the chart.
#[derive(Debug, PartialEq, Eq)]
enum Said<'a> {
    /// The server would take the object.
    Taken,
    /// This rule refuses it.
    Refused(&'static str),
    /// The server cannot know the object yet, for this reason.
    NotExamined(&'a str),
    /// It could have been examined where this is otherwise: another user, another namespace.
    Unproven(&'a str),
}

pub(super) fn judge(check: &'static str, view: &View) -> Finding {
    let mut tally = Tally::new(check);
    let mut unexamined: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let (mut examined, mut unproven) = (0, None);
    for entry in &view.recording.entries {
        let Moment::DryRun(asked) = &entry.moment else { continue };
        let shown = view.recording.object(&asked.object).slashed();
        match said(&asked.answer) {
            Said::Taken => {
                examined += 1;
                tally.saw("object", 1);
                tally.proved(at(entry, format!("the API server would take {shown}")));
            }
            Said::Refused(rule) => {
                examined += 1;
                let DryRunAnswer::Refused { code, message, .. } = &asked.answer else { continue };
                let seen = at(entry, format!("dry run of {shown}: status {code}: {}", message.trim()));
                let claim = tally.fail(format!("{rule} refuses {shown}: {}", message.trim()));
                claim.with([seen]).hint(hint(rule));
            }
            Said::NotExamined(why) => unexamined.entry(why).or_default().push(shown),
            Said::Unproven(why) => {
                unproven = unproven.or(Some(why));
                unexamined.entry(why).or_default().push(shown);
            }
        }
    }
    for (why, objects) in &unexamined {
        tally.proved(note(format!("not examined: {}: {why}", objects.join(", "))));
    }
    if examined > 0 {
        return tally.finish(format!("{SERVER} takes each object that it was asked about{}", beside(&unexamined)));
    }
    match unproven {
        Some(why) => {
            let hint = "ask with a user who may make the chart's objects, in a namespace that has room for them: a dry run keeps nothing";
            let mut tally = Tally::new(check);
            tally.void(format!("{SERVER} could examine none of the objects: {why}")).hint(hint);
            tally.finish("")
        }
        None => not_applicable(check, format!("no object that {SERVER} can know{}", beside(&unexamined))),
    }
}

/// What was not examined, in words that follow a message.
fn beside(unexamined: &BTreeMap<&str, Vec<String>>) -> String {
    if unexamined.is_empty() {
        return String::new();
    }
    let told = unexamined.iter().take(NAMED).map(|(why, objects)| match objects.as_slice() {
        [one] => format!("{one}: {why}"),
        [first, rest @ ..] => format!("{first} and {} more: {why}", rest.len()),
        [] => (*why).to_owned(),
    });
    let more = unexamined.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("; and {more} other reasons") } else { String::new() };
    format!("; not examined: {}{more}", told.collect::<Vec<_>>().join("; "))
}

fn said(answer: &DryRunAnswer) -> Said<'_> {
    match answer {
        DryRunAnswer::Accepted => Said::Taken,
        DryRunAnswer::NotAsked { why } => Said::NotExamined(why),
        DryRunAnswer::NoAnswer { why } => Said::Unproven(why),
        // What is there was made by someone else, or by another version: what may not be changed in it is no matter of this chart.
        DryRunAnswer::Refused { is_there: true, message, .. } => Said::Unproven(message),
        DryRunAnswer::Refused { code, message, .. } => match rule_of(*code, message) {
            Some(rule) => Said::Refused(rule),
            None => Said::Unproven(message),
        },
    }
}

/// The rule of a refusal that each install with these values meets; `None`: the refusal may be about the user, the namespace or
/// what else is on the server.
fn rule_of(code: u16, message: &str) -> Option<&'static str> {
    let has = |words: &[&str]| words.iter().any(|words| message.contains(words));
    // A node port or a host that another release has, a namespace that goes.
    if has(&[" already ", "being terminated", "attempting to grant RBAC permissions", "support dry run"]) {
        return None;
    }
    if let Some(rule) = rule(message) {
        // The namespace is not the release's, so its quota is used by others.
        return (rule != QUOTA && rule != SILENT_WEBHOOK).then_some(rule);
    }
    match code {
        400 | 422 => Some(SERVER),
        // Server-side apply reads an object by its schema before anything else. Older servers do not know that a list may name one thing
        // twice, which an install without it may.
        500 if has(&["failed to create typed patch object"]) && !has(&["duplicate entries"]) => Some(SERVER),
        _ => None,
    }
}

fn hint(rule: &str) -> &'static str {
    if rule == SERVER {
        "correct what the API server refuses: helm fails there, too"
    } else {
        "let the object meet the rule, or tell users what their cluster must allow"
    }
}

#[cfg(test)]
mod tests;
