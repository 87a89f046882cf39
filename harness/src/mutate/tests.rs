//! How fates become scores and verdicts.

use chartgate_mutate::CANARY;

use super::*;
use chartgate_judge::Verdict;

fn chart(fates: &[Fate]) -> ChartReport {
    let subject = Subject { name: "shop".to_owned(), plans: Vec::new() };
    let operators = fates.iter().zip(OPERATORS).map(|(fate, it)| OperatorReport::new(it).ended(*fate, "because"));
    ChartReport::of(&subject, operators.collect())
}

/// A failure would mean that an operator is never killed, because what it names is no check.
#[test]
fn operators_name_checks() {
    for operator in OPERATORS.iter().chain([&CANARY]) {
        for check in operator.checks {
            assert_eq!(chartgate_judge::named(check).map(|it| it.name), Some(*check), "{}", operator.name);
        }
    }
}

/// A failure would mean that what was not tried, or cannot be had, raises or lowers a score.
#[test]
fn the_score_is_killed_by_applied() {
    let report =
        chart(&[Fate::Killed, Fate::Killed, Fate::Survived, Fate::NotApplied, Fate::AdviceOnly, Fate::NotTried]);
    assert_eq!((report.killed, report.applied, report.not_tried, report.verdict), (2, 3, 1, Verdict::Pass));
    assert!((report.score.unwrap() - 2.0 / 3.0).abs() < 1e-9);
    let held = MutationReport::new(vec![report], 0.9);
    assert_eq!(
        (held.verdict, held.charts[0].why.as_deref()),
        (Verdict::Fail, Some("2 of 3 mutants were noticed, and the least is 0.9"))
    );
}

/// A failure would mean that a chart of which nothing was tried passes.
#[test]
fn nothing_applied_is_void() {
    assert_eq!(chart(&[Fate::NotApplied, Fate::NotTried]).verdict, Verdict::Void);
    assert_eq!(MutationReport::new(Vec::new(), 0.0).verdict, Verdict::Void);
}

/// A failure would mean that a contract accepts its way to a score.
#[test]
fn at_most_a_fifth_is_accepted() {
    let killed = [Fate::Killed; 4];
    assert_eq!(chart(&[&killed[..], &[Fate::Accepted]].concat()).verdict, Verdict::Pass);
    assert_eq!(chart(&[&killed[..3], &[Fate::Accepted]].concat()).verdict, Verdict::Void);
}

/// A failure would mean that a maintainer reads that a harm passes unseen, and not what would catch it.
#[test]
fn a_survivor_is_told_with_what_would_catch_it() {
    let report = MutationReport::new(vec![chart(&[Fate::Survived])], 0.0);
    let shown = report.print();
    let remedy = OPERATORS[0].remedy;
    assert!(shown.contains("UNSEEN hook-after-the-release in shop") && shown.contains(remedy), "{shown}");
    let document = junit::document(&report).unwrap();
    assert!(document.contains("would pass unseen: the migration waits"), "{document}");
}
