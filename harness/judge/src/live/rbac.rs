//! `rbac-sufficient`: the accounts of the release may do what its programs ask for.

use chartgate_model::plan::Action;
use chartgate_model::recording::{Asked, Moment};
use k8s_openapi::api::rbac::v1::Subject;

use crate::manifest::subjects;
use crate::step::StepRun;
use crate::tally::{Tally, not_applicable, note};
use crate::view::View;
use crate::{Check, Evidence, Finding, Level, Needs, Rank};
use chartgate_k8s::typed::{Object, OrEmpty};

pub(crate) const RBAC_SUFFICIENT: Check = Check {
    name: "rbac-sufficient",
    proves: "the API server refuses nothing that a program of the release asks for again and again",
    means: "a part of the release cannot do its work: its role lacks a right, or its binding names another account",
    explanation: include_str!("../explanation/rbac-sufficient.md"),
    needs: Needs::Behaviour,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: rbac_sufficient,
};

/// A binding takes effect within moments; until then a refusal says nothing.
const SETTLING_MS: u64 = 5000;

fn rbac_sufficient(view: &View) -> Finding {
    let accounts: Vec<&Object> = view.rendered_once().into_iter().filter(|it| it.kind() == "ServiceAccount").collect();
    if view.has_render() && accounts.is_empty() {
        return not_applicable(RBAC_SUFFICIENT.name, "the chart renders no ServiceAccount");
    }
    let asked = view.recording.entries.iter().filter_map(|entry| match &entry.moment {
        Moment::Asked(asked) if accounts.iter().any(|account| account.name() == asked.account) => Some((entry, asked)),
        _ => None,
    });
    let asked: Vec<_> = asked.collect();
    if asked.is_empty() {
        return not_applicable(
            RBAC_SUFFICIENT.name,
            "no account of the release was seen to ask the API server for anything",
        );
    }
    let mut tally = Tally::new(RBAC_SUFFICIENT.name);
    for (entry, asked) in asked {
        let refused = lasting(view, asked);
        let what = format!("{} {}", asked.verb, of_what(asked));
        if refused.len() < 2 || asked.granted.is_some_and(|granted| refused.iter().any(|at| *at < granted)) {
            tally.proved(note(format!("serviceaccount/{} asked to {what}", asked.account)));
            continue;
        }
        let text =
            format!("the API server refused serviceaccount/{} to {what}, {} times", asked.account, refused.len());
        let seen = Evidence { seq: Some(entry.seq), at: refused.first().copied(), text };
        let misspelt = misspelt_binding(view, &asked.account);
        let Some(why) = misspelt.or_else(|| suffering(view, &asked.account)) else {
            // Many programs try whether they may, and do without.
            tally.proved(seen);
            continue;
        };
        let message =
            format!("serviceaccount/{} may not {what}, and its program asks again and again: {why}", asked.account);
        let hint = "give the right in a role, and bind that to the account which the pod names";
        tally.fail(message).with([seen]).hint(hint);
    }
    tally.finish("nothing that a program of the release asked for was refused for good")
}

fn of_what(asked: &Asked) -> String {
    let name = if asked.name.is_empty() { String::new() } else { format!(" `{}`", asked.name) };
    let place = if asked.namespace.is_empty() { " in the cluster".to_owned() } else { String::new() };
    format!("{}{name}{place}", asked.resource)
}

/// When it was refused, but for the first moments of an install, when bindings are new, an uninstall and what follows it.
fn lasting(view: &View, asked: &Asked) -> Vec<u64> {
    let counts = |at: &&u64| {
        let run = view.steps.iter().rev().find(|run| run.started.is_some_and(|entry| entry.at <= **at));
        run.is_some_and(|run| {
            let began = run.started.map_or(0, |entry| entry.at);
            let is_new = run.step.action == Action::Install && **at < began + SETTLING_MS;
            run.step.action != Action::Uninstall && run.is_tested() && !is_new
        })
    };
    asked.refused.iter().filter(counts).copied().collect()
}

/// A binding of the release to an account that it does not make, where the one that asks has none.
fn misspelt_binding(view: &View, account: &str) -> Option<String> {
    let rendered = view.rendered_once();
    let is_there = |with_name: &str| {
        rendered.iter().any(|it| it.kind() == "ServiceAccount" && it.name() == with_name) || with_name == "default"
    };
    let own = |subject: &Subject| ["", view.namespace].contains(&subject.namespace.or_empty());
    let bindings = rendered.iter().filter(|it| !it.is_hook());
    let mut subjects = bindings.flat_map(|binding| subjects(binding).iter().map(move |subject| (binding, subject)));
    let (binding, subject) = subjects.find(|(_, subject)| {
        let is_account = subject.kind == "ServiceAccount" && own(subject);
        is_account && !is_there(&subject.name) && subject.name != account
    })?;
    Some(format!("{} binds serviceaccount/{}, which does not exist", binding.slashed(), subject.name))
}

/// A pod of the account that is not well at the end of a step.
fn suffering(view: &View, account: &str) -> Option<String> {
    let of_account =
        |pod: &Object| pod.pod().is_some_and(|pod| pod.spec.service_account_name.as_deref() == Some(account));
    view.tracks("Pod").filter(|pod| of_account(pod.last())).find_map(|pod| {
        let restarts: i32 = pod.last().statuses().map(|status| status.restart_count).sum();
        if restarts > 0 {
            return Some(format!("pod/{} restarted {restarts} times", pod.name()));
        }
        let ends = view.steps.iter().filter_map(StepRun::window).map(|(_, end)| end);
        let trouble = ends.into_iter().find_map(|end| chartgate_k8s::trouble::trouble(pod.at(end)?));
        trouble.map(|trouble| format!("pod/{} {trouble}", pod.name()))
    })
}

#[cfg(test)]
mod tests;
