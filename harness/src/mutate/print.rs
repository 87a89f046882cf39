//! What became of the mutants, as people read it: the table, and below it what would pass unseen.

use std::fmt::Write;

use chartgate_mutate::OPERATORS;

use super::report::{ChartReport, Fate, MutationReport, OperatorReport};

/// All charts.
pub(super) fn table(report: &MutationReport) -> String {
    let mut out = String::new();
    for chart in &report.charts {
        // Writing to a String does not fail.
        write_chart(chart, &mut out).ok();
    }
    out
}

fn write_chart(chart: &ChartReport, out: &mut String) -> std::fmt::Result {
    writeln!(out, "{}", chart.name)?;
    for operator in &chart.operators {
        writeln!(out, "  {}", line(operator))?;
    }
    let survivors = chart.operators.iter().filter(|operator| operator.fate == Fate::Survived);
    for OperatorReport { operator, harm, why, tried, notes, remedy, .. } in survivors {
        writeln!(out, "\nUNSEEN {operator} in {}", chart.name)?;
        writeln!(out, "  harm      {harm}")?;
        writeln!(out, "  because   {}", why.as_deref().unwrap_or_default())?;
        if !tried.is_empty() {
            writeln!(out, "  tried     {}", tried.join(", "))?;
        }
        notes.iter().try_for_each(|note| writeln!(out, "  note      {note}"))?;
        writeln!(out, "  add       {}", remedy.as_deref().unwrap_or_default())?;
    }
    let word = serde_json::to_value(chart.verdict).ok().and_then(|word| Some(word.as_str()?.to_owned()));
    let why = chart.why.as_ref().map_or(String::new(), |why| format!(": {why}"));
    writeln!(out, "\n{} {}{why}", chart.name, word.unwrap_or_default())?;
    if let Some(score) = chart.score {
        let accepted =
            if chart.accepted > 0 { format!(", {} accepted by the contract", chart.accepted) } else { String::new() };
        let open = if chart.not_tried > 0 { format!("; {} not tried", chart.not_tried) } else { String::new() };
        writeln!(out, "score {score:.2}: {} of {} mutants were noticed{accepted}{open}", chart.killed, chart.applied)?;
    }
    writeln!(out)
}

/// Operators by charts, with the check that noticed each, as Markdown.
pub(super) fn markdown(report: &MutationReport) -> String {
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let head = |first: &str, of: fn(&ChartReport) -> String| {
        row(std::iter::once(first.to_owned()).chain(report.charts.iter().map(of)).collect())
    };
    let mut out = head("operator", |chart| chart.name.clone());
    out += &head("---", |_| "---".to_owned());
    for operator in OPERATORS {
        let cell = |chart: &ChartReport| {
            let found = chart.operators.iter().find(|it| it.operator == operator.name);
            found.map_or_else(String::new, cell)
        };
        let name = format!("`{}`: {}", operator.name, operator.harm);
        out += &row(std::iter::once(name).chain(report.charts.iter().map(cell)).collect());
    }
    out += &head("**score**", |chart| {
        let score = chart.score.map_or_else(|| "void".to_owned(), |score| format!("{score:.2}"));
        format!("**{score}** ({} of {})", chart.killed, chart.applied)
    });
    out
}

fn cell(operator: &OperatorReport) -> String {
    match (&operator.killed, operator.fate) {
        (Some(by), _) => format!("{} ({})", by.check, by.way.name()),
        (None, Fate::NotApplied) => String::new(),
        (None, fate) => format!("*{}*", word(fate)),
    }
}

fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::Killed => "killed",
        Fate::Survived => "SURVIVED",
        Fate::Accepted => "accepted",
        Fate::NotApplied => "not applied",
        Fate::AdviceOnly => "advice only",
        Fate::NotTried => "not tried",
    }
}

/// One operator.
pub(super) fn line(operator: &OperatorReport) -> String {
    let rest = match &operator.killed {
        Some(by) => format!("{} in {} ({}, {:.1} s)", by.check, by.scenario, by.way.name(), by.seconds),
        None => operator.why.clone().unwrap_or_default(),
    };
    format!("{:<12} {:<30} {rest}", word(operator.fate), operator.operator)
}
