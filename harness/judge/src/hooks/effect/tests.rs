use chartgate_model::plan::Effect;

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, start_of};

const NAME: &str = "topics";

fn shown(output: &str) -> EffectState {
    EffectState::Shown { place: "cg-kafka-0".to_owned(), output: output.to_owned() }
}

/// The hook makes topics: what was seen before the install, after it, and after the upgrade.
fn story(states: [EffectState; 3]) -> Story {
    let command = ["kafka-topics", "--list"].map(str::to_owned).to_vec();
    story_of(Look::Pod { pods: "app=kafka".to_owned(), command }, states)
}

fn story_of(look: Look, states: [EffectState; 3]) -> Story {
    let effect = Effect { look, shows: ["orders", "payments"].map(str::to_owned).to_vec() };
    let mut story = Story::good().plan(|plan| {
        for hook in plan.hooks.values_mut() {
            hook.effects = [(NAME.to_owned(), effect.clone())].into();
        }
    });
    for (after, state) in [None, Some(0), Some(1)].into_iter().zip(states) {
        let (hook, effect) = ("migrations".to_owned(), NAME.to_owned());
        let seen = Moment::Effect(EffectSeen { after, hook, effect, state });
        story = match after {
            None => story.before(start_of(0), seen),
            Some(step) => story.before(end_of(step), seen),
        };
    }
    story
}

#[test]
fn what_a_hook_makes_once_passes() {
    for before in [EffectState::NoPod, shown("another\n")] {
        check(
            &HOOK_EFFECT,
            &story([before, shown("orders\npayments\n"), shown("orders\npayments\n")]),
            Verdict::Pass,
            "",
        );
    }
}

/// A failure would mean that a hook which ends well and does nothing is accepted.
#[test]
fn an_effect_that_is_missing_fails() {
    let says = "effect `topics` of hook `migrations` was not there after step 1 (install): `kafka-topics --list` does not show `payments`";
    check(&HOOK_EFFECT, &story([EffectState::NoPod, shown("orders\n"), shown("orders\n")]), Verdict::Fail, says);
}

/// A failure would mean that a hook may take back what users changed since it last ran.
#[test]
fn an_effect_that_another_run_changes_fails() {
    let story = story([EffectState::NoPod, shown("orders\npayments\n"), shown("orders\npayments\npayments\nmore\n")]);
    let finding = check(&HOOK_EFFECT, &story, Verdict::Fail, "was changed when the hook ran again in step 2 (upgrade)");
    assert!(finding.evidence.iter().any(|evidence| evidence.text == "new: more"), "{:#?}", finding.evidence);
}

/// A failure would mean that a hook is praised for what another made.
#[test]
fn an_effect_that_was_there_before_is_void() {
    let story = story([shown("orders\n"), shown("orders\npayments\n"), shown("orders\npayments\n")]);
    check(&HOOK_EFFECT, &story, Verdict::Void, "was there before the hook ran in step 1 (install): `orders`");
}

#[test]
fn an_effect_that_was_not_seen_is_void() {
    let failed = EffectState::Failed { why: "no such program".to_owned() };
    let all = "orders\npayments\n";
    check(
        &HOOK_EFFECT,
        &story([EffectState::NoPod, failed, shown(all)]),
        Verdict::Void,
        "after step 1 (install): no such program",
    );
    let nowhere = story([EffectState::NoPod, EffectState::NoPod, EffectState::NoPod]);
    check(&HOOK_EFFECT, &nowhere, Verdict::Void, "no pod of `app=kafka` was ready");
    let unseen =
        story([EffectState::NoPod, shown(all), shown(all)]).without(|moment| matches!(moment, Moment::Effect(_)));
    check(&HOOK_EFFECT, &unseen, Verdict::Void, "was not looked at");
}

#[test]
fn a_hook_without_effects_does_not_apply() {
    check(
        &HOOK_EFFECT,
        &Story::good(),
        Verdict::NotApplicable,
        "no step runs a hook of which the contract says `effects`",
    );
}

#[test]
fn examples_are_what_the_check_says() {
    let all = || shown("orders\npayments\n");
    let failing = story([EffectState::NoPod, shown("orders\n"), shown("orders\n")]);
    examples(&HOOK_EFFECT, &story([EffectState::NoPod, all(), all()]), &failing);
}

/// A failure would mean that rows of a database are not what a hook is asked for, or that the message does not say what was asked.
#[test]
fn rows_that_are_missing_fail() {
    let look = Look::Database { database: "main".to_owned(), query: "SELECT name FROM topics".to_owned() };
    let none = shown("");
    let says = "effect `topics` of hook `migrations` was not there after step 1 (install): `SELECT name FROM topics` does not show `orders`, `payments`";
    check(&HOOK_EFFECT, &story_of(look.clone(), [none.clone(), none.clone(), none.clone()]), Verdict::Fail, says);
    let failed = EffectState::Failed { why: "permission denied".to_owned() };
    let finding =
        check(&HOOK_EFFECT, &story_of(look, [none, failed.clone(), failed]), Verdict::Void, "permission denied");
    assert_eq!(finding.hint(), Some("let the contract say what works in the database `main`"));
}
