//! A comparison for people: on the terminal, and as the comment of a pull request.

use std::fmt::Write;

use chartgate_judge::Verdict;
use chartgate_report::{inline, word};

use super::{Changed, Comparison, Direction, Leftover, Outcome, Slower};

/// Rows of a comment's table; a person reads no more, and GitHub takes 65536 characters.
const ROWS: usize = 50;

/// For the terminal: what is worse stands last.
pub fn text(comparison: &Comparison) -> String {
    let mut out = String::new();
    for Changed { scenario, check, direction, old, new, message } in comparison.checks.iter().rev() {
        let label = match direction {
            Direction::Worse => "WORSE",
            Direction::Better => "better",
            Direction::Other => "changed",
        };
        // Writing to a String does not fail.
        writeln!(out, "{label:<8} {check} in {scenario}: {} -> {}", shown(*old), shown(*new)).ok();
        writeln!(out, "         {}", plain_line(message)).ok();
    }
    for name in &comparison.added {
        writeln!(out, "new      {name}").ok();
    }
    for slower in &comparison.durations.slower {
        writeln!(out, "slower   {}: {}", slower.scenario, lengths(slower)).ok();
    }
    for name in &comparison.durations.faster {
        writeln!(out, "faster   {name}").ok();
    }
    for Leftover { scenario, object } in &comparison.leftovers {
        writeln!(out, "WORSE    {object} is left by an uninstall in {scenario}, and was not before").ok();
    }
    for name in &comparison.gone {
        writeln!(out, "WORSE    {name} is gone: what it proved is proven no more").ok();
    }
    writeln!(out, "\n{}", headline(comparison)).ok();
    out
}

/// As Markdown, for a comment.
pub fn markdown(comparison: &Comparison) -> String {
    let mut out = format!("### chartgate: {}\n", headline(comparison));
    let mut rows: Vec<String> = comparison.gone.iter().map(|name| row("**worse**", name, "", "gone")).collect();
    rows.extend(comparison.leftovers.iter().map(|Leftover { scenario, object }| {
        row("**worse**", scenario, "uninstall", &format!("leaves `{}` now", inline(object).replace('`', "'")))
    }));
    rows.extend(comparison.checks.iter().map(|Changed { scenario, check, direction, old, new, message }| {
        let label = match direction {
            Direction::Worse => "**worse**",
            Direction::Better => "better",
            Direction::Other => "changed",
        };
        let what = format!("{} → {}: {}", shown(*old), shown(*new), inline(message));
        row(label, scenario, check, &what)
    }));
    rows.extend(comparison.durations.slower.iter().map(|it| row("slower", &it.scenario, "", &inline(&lengths(it)))));
    rows.extend(comparison.added.iter().map(|name| row("new", name, "", "")));
    if !rows.is_empty() {
        let left_out = rows.len().saturating_sub(ROWS);
        out += "\n| | scenario | check | what |\n| --- | --- | --- | --- |\n";
        rows.iter().take(ROWS).for_each(|row| out += row);
        if left_out > 0 {
            // Writing to a String does not fail.
            writeln!(out, "\n… and {left_out} more.").ok();
        }
    }
    writeln!(out, "\n<sub>{}</sub>", rule(comparison)).ok();
    out
}

fn row(label: &str, scenario: &str, check: &str, what: &str) -> String {
    format!("| {label} | {} | {} | {what} |\n", inline(scenario), inline(check))
}

/// The outcome in a sentence.
fn headline(comparison: &Comparison) -> String {
    let Comparison { checks, gone, leftovers, common, .. } = comparison;
    let count = |direction| checks.iter().filter(|change| change.direction == direction).count();
    let worse = count(Direction::Worse) + gone.len() + leftovers.len();
    match comparison.outcome {
        Outcome::Void => "VOID: no scenario is in both runs, so nothing was compared".to_owned(),
        Outcome::Worse | Outcome::NotWorse => format!(
            "{worse} worse, {} better, {} changed otherwise, {} slower, in {common} scenario{}",
            count(Direction::Better),
            count(Direction::Other),
            comparison.durations.slower.len(),
            if *common == 1 { "" } else { "s" }
        ),
    }
}

/// How durations were compared.
fn rule(comparison: &Comparison) -> String {
    let machine = comparison.durations.machine.map_or_else(
        || "fewer than five scenarios to tell the machine by".to_owned(),
        |machine| format!("the scenarios took {machine:.2} times as long by their median"),
    );
    format!("{machine}; slower is what took more than {:.2} times that, and 2 s", comparison.durations.beyond)
}

fn lengths(Slower { old_seconds, new_seconds, step, .. }: &Slower) -> String {
    let step = step.as_ref().map_or(String::new(), |step| format!(", most of it in {step}"));
    format!("{old_seconds:.1} s -> {new_seconds:.1} s{step}")
}

fn shown(verdict: Option<Verdict>) -> &'static str {
    verdict.map_or("not examined", word)
}

/// A message's first line.
fn plain_line(message: &str) -> String {
    chartgate_report::plain(message.lines().next().unwrap_or_default())
}
