mod fuzz;
mod hollow;
mod proves;

use std::collections::BTreeSet;

use chartgate_model::recording::Answer;
use serde_json::{Value, json};

use super::testing::{Story, check, end_of, gap, named, start_of};
use super::*;

/// Checks whose subject is not in the good run.
const BESIDE: [&str; 33] = [
    "helm-lint",
    "version-raised",
    "schema-rejects",
    "session-shared",
    "network-policy",
    "ingress-leads",
    "uninstall-clean",
    "secrets-stable",
    "config-rolls-pods",
    "config-reaches-pods",
    "upgrade-after-rollback",
    "previous-version",
    "upgrade-available",
    "session-continuity",
    "replicas-kept",
    "fault-happened",
    "failed-migration-contained",
    "release-not-stuck",
    "drain-completes",
    "drain-available",
    "render-stable",
    "crds-current",
    "duplicate-keys",
    "egress-allows-dns",
    "data-kept",
    "grace-covers-drain",
    "replicas-spread",
    "service-endpoints",
    "idempotent-upgrade",
    "reinstall-works",
    "rbac-sufficient",
    "hook-effect",
    "jobs-done",
];

/// Checks that advise on something that the good run's chart does not have.
const ADVISED: [&str; 1] = ["startup-allowed"];

/// A failure would mean that a chart whose promises all hold is refused.
#[test]
fn a_good_run_passes_every_check() {
    let story = Story::good();
    let expected = |name: &str| match name {
        name if BESIDE.contains(&name) => Verdict::NotApplicable,
        name if ADVISED.contains(&name) => Verdict::Advice,
        _ => Verdict::Pass,
    };
    let others: Vec<_> = judge(&story.0).into_iter().filter(|it| it.verdict != expected(&it.check)).collect();
    assert!(others.is_empty(), "{others:#?}");
    assert_eq!(verdict_of(&judge(&story.0)), Verdict::Pass);
}

/// A failure would mean that a report's line cannot be looked up, or means two things.
#[test]
fn checks_have_names_of_their_own() {
    let names: BTreeSet<&str> = all().map(|check| check.name).collect();
    assert_eq!(names.len(), all().count());
    let findings = judge(&Story::good().0);
    assert!(findings.iter().zip(all()).all(|(finding, check)| finding.check == check.name));
}

/// A failure would mean that a report names a cause that is no check, or that a mode leaves out what it could judge.
#[test]
fn what_checks_say_of_each_other_and_of_themselves_holds() {
    for check in all() {
        for explained in check.rank.explains {
            let symptom = super::named(explained).unwrap_or_else(|| panic!("{}: no check `{explained}`", check.name));
            assert!(!symptom.rank.explains.contains(&check.name), "{} and {explained} explain each other", check.name);
        }
        assert!(check.adds.is_none_or(|adds| adds > check.needs), "{} adds what it needs anyway", check.name);
    }
}

/// A failure would mean that a habit nobody promised stops a release.
#[test]
fn a_check_of_advice_fails_only_where_it_is_binding() {
    let check = all().find(|check| check.level == Level::Advice).unwrap();
    let failed = || {
        let (check, message) = (check.name.to_owned(), "it is broken".to_owned());
        Finding {
            check,
            verdict: Verdict::Fail,
            message,
            evidence: Vec::new(),
            problems: Vec::new(),
            since: None,
            templates: Vec::new(),
        }
    };
    assert_eq!(check.weigh(failed(), false).verdict, Verdict::Advice);
    assert_eq!(check.weigh(failed(), true).verdict, Verdict::Fail);
}

/// A failure would mean that a run which was killed half-way releases a chart.
#[test]
fn a_recording_that_is_cut_anywhere_never_passes() {
    let whole = Story::good();
    for length in 0..whole.0.entries.len() {
        let mut cut = whole.clone();
        cut.0.entries.truncate(length);
        assert!(verdict_of(&judge(&cut.0)) >= Verdict::Void, "cut after {length} moments");
    }
}

/// A failure would mean that checks which need a later step pass although it never ran.
#[test]
fn checks_of_steps_that_never_ran_are_void() {
    let mut story = Story::good().failing_install("it broke");
    let names = ["upgrade-happened", "rollback-restored", "rollback-serves", "health-path", "role-serves"];
    for of in all().filter(|check| names.contains(&check.name)) {
        check(of, &story, Verdict::Void, "it broke");
    }
    story = Story::good().cut(end_of(2));
    assert_eq!(verdict_of(&judge(&story.0)), Verdict::Void);
}

/// A failure would mean that a run without any applicable check counts as proof.
#[test]
fn nothing_applicable_is_void() {
    let finding = |verdict| Finding {
        check: String::new(),
        verdict,
        message: String::new(),
        evidence: Vec::new(),
        problems: Vec::new(),
        since: None,
        templates: Vec::new(),
    };
    assert_eq!(verdict_of(&[]), Verdict::Void);
    assert_eq!(verdict_of(&[finding(Verdict::NotApplicable), finding(Verdict::Advice)]), Verdict::Void);
    assert_eq!(verdict_of(&[finding(Verdict::Pass), finding(Verdict::Advice)]), Verdict::Pass);
    assert_eq!(verdict_of(&[finding(Verdict::Fail), finding(Verdict::Void), finding(Verdict::Pass)]), Verdict::Fail);
    assert_eq!(verdict_of(&[finding(Verdict::Void), finding(Verdict::Pass)]), Verdict::Void);
}

fn waived_until(day: &str) -> Story {
    let waiver = Waiver { check: "role-serves".to_owned(), reason: "known".to_owned(), until: day.to_owned() };
    let story = Story::good().plan(|plan| plan.waivers = vec![waiver]);
    story.probes(|probe| probe.role == "worker", |probe| probe.answer = Answer::Connected)
}

/// A failure would mean that an accepted failure stops a release, or that an expired waiver hides one.
#[test]
fn a_waiver_counts_until_its_day() {
    let of = |story: &Story| judge(&story.0).into_iter().find(|finding| finding.check == "role-serves").unwrap();
    let accepted = of(&waived_until("9999-12-31"));
    assert_eq!(accepted.verdict, Verdict::Waived);
    assert!(accepted.message.starts_with("waived until 9999-12-31 (known): "), "{}", accepted.message);
    let expired = of(&waived_until("1969-12-31"));
    assert_eq!(expired.verdict, Verdict::Fail);
    assert!(expired.message.contains("\na waiver of it ended on 1969-12-31"), "{}", expired.message);
}

/// A failure would mean that a promise which a contract makes binding is only advice.
#[test]
fn advice_is_binding_where_the_contract_names_it() {
    let image =
        |deployment: &mut Value| deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!("app");
    let story = || Story::good().edit(named("Deployment", "cg-worker"), image);
    let verdict = |story: Story| judge(&story.0).into_iter().find(|f| f.check == "image-pinned").unwrap().verdict;
    assert_eq!(verdict(story()), Verdict::Advice);
    assert_eq!(verdict(story().plan(|plan| plan.binding = vec!["image-pinned".to_owned()])), Verdict::Fail);
    assert_eq!(verdict(story().plan(|plan| plan.strict = true)), Verdict::Fail);
}

/// A failure would mean that a chart is blamed for what nobody saw while the API server was away, or that its renders are let off.
#[test]
fn while_the_api_server_is_away_nobody_is_to_blame() {
    let verdicts = |story: Story| {
        let findings = judge(&story.0).into_iter();
        let failed = findings.filter(|finding| finding.verdict == Verdict::Fail).map(|finding| finding.check);
        failed.collect::<Vec<_>>()
    };
    let unmigrated = || Story::good().unseen(|object| object["metadata"]["uid"] == "migrations-1");
    assert!(verdicts(unmigrated()).contains(&"hook-once".to_owned()));
    let away = unmigrated().before(start_of(1), gap(WATCH));
    assert_eq!(verdicts(away), Vec::<String>::new());
    let cut = unmigrated().before(start_of(1), gap(WATCH));
    let finding = judge(&cut.0).into_iter().find(|finding| finding.check == "hook-once").unwrap();
    assert_eq!(finding.verdict, Verdict::Void);
    assert!(finding.message.contains("did not run in step 2") && finding.hint().is_some(), "{}", finding.message);
}
