use chartgate_judge::Problem;

use super::*;

fn finding(check: &str, verdict: Verdict) -> Finding {
    let problem = Problem { what: format!("{check} says why"), hint: None };
    Finding::of_problems(check, verdict, vec![problem], Vec::new())
}

fn scenario(name: &str, checks: &[(&str, Verdict)], leftovers: &[&str]) -> ScenarioReport {
    let findings = checks.iter().map(|(check, verdict)| finding(check, *verdict)).collect();
    let leftovers = leftovers.iter().map(|object| (*object).to_owned()).collect();
    ScenarioReport { leftovers, ..ScenarioReport::unproven(name.to_owned(), "", findings) }
}

fn compared(old: &[ScenarioReport], new: &[ScenarioReport]) -> (Outcome, Vec<String>) {
    let found = Comparison::of(old, new);
    let schema = serde_json::to_value(Comparison::schema()).unwrap();
    let json = serde_json::to_value(&found).unwrap();
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&json), "{json}");
    (found.outcome, found.checks.iter().map(|it| format!("{} {:?}", it.check, it.direction)).collect())
}

/// A failure would mean that a pull request which breaks a promise shows nothing.
#[test]
fn a_check_that_is_red_and_was_not_is_worse() {
    use Verdict::{Advice, Fail, NotApplicable, Pass, Void};
    let cases = [
        (Pass, Fail, Outcome::Worse, "ready Worse"),
        (Pass, Void, Outcome::Worse, "ready Worse"),
        (Void, Fail, Outcome::Worse, "ready Worse"),
        (Fail, Pass, Outcome::NotWorse, "ready Better"),
        (Fail, Void, Outcome::NotWorse, "ready Other"),
        (Pass, NotApplicable, Outcome::NotWorse, "ready Other"),
        (Pass, Advice, Outcome::NotWorse, "ready Other"),
    ];
    for (old, new, outcome, line) in cases {
        let run = |verdict| [scenario("shop/a", &[("ready", verdict), ("renders", Pass)], &[])];
        assert_eq!(compared(&run(old), &run(new)), (outcome, vec![line.to_owned()]), "{old:?} to {new:?}");
    }
}

/// A failure would mean that a scenario is deleted, and with it what it proved, in a pull request that looks harmless.
#[test]
fn a_scenario_that_is_gone_is_worse_and_one_that_is_new_is_not() {
    let (a, b) = (scenario("shop/a", &[], &[]), scenario("shop/b", &[], &[]));
    assert_eq!(compared(&[a.clone(), b.clone()], std::slice::from_ref(&a)).0, Outcome::Worse);
    assert_eq!(compared(std::slice::from_ref(&a), &[a.clone(), b.clone()]).0, Outcome::NotWorse);
    assert_eq!(compared(&[a], &[b]).0, Outcome::Void);
}

/// A failure would mean that an object which stays on each user's cluster goes unseen, since no check forbids it.
#[test]
fn a_new_leftover_is_worse() {
    let old = [scenario("shop/a", &[], &["secret/old"])];
    let new = [scenario("shop/a", &[], &["secret/old", "persistentvolumeclaim/data"])];
    let found = Comparison::of(&old, &new);
    let leftover = Leftover { scenario: "shop/a".to_owned(), object: "persistentvolumeclaim/data".to_owned() };
    assert_eq!((found.outcome, &found.leftovers[..]), (Outcome::Worse, &[leftover][..]));
    assert!(text(&found).contains("WORSE    persistentvolumeclaim/data is left by an uninstall in shop/a"));
    assert_eq!(Comparison::of(&new, &old).outcome, Outcome::NotWorse);
}

/// A failure would mean that a comment hides what is worse below what is not, or that a log line turns into markup in it.
#[test]
fn a_comment_tells_what_is_worse_first_and_keeps_foreign_text_plain() {
    let run = |first, second| {
        [scenario("shop/a", &[("a", first), ("b", second)], &[]), scenario("shop/<img>", &[("c", first)], &[])]
    };
    let found = Comparison::of(&run(Verdict::Fail, Verdict::Pass), &run(Verdict::Pass, Verdict::Fail));
    let comment = markdown(&found);
    let rows: Vec<&str> = comment.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert_eq!(
        rows,
        [
            "| **worse** | shop/a | b | pass → FAIL: b says why |",
            "| better | shop/&lt;img&gt; | c | FAIL → pass: c says why |",
            "| better | shop/a | a | FAIL → pass: a says why |"
        ]
    );
    assert!(comment.starts_with("### chartgate: 1 worse, 2 better, 0 changed otherwise, 0 slower, in 2 scenarios\n"));
    let shown = text(&found);
    assert!(shown.ends_with("WORSE    b in shop/a: pass -> FAIL\n         b says why\n\n1 worse, 2 better, 0 changed otherwise, 0 slower, in 2 scenarios\n"), "{shown}");
}
