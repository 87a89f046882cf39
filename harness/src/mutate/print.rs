//! What became of the mutants, as people read it: the table, and below it what would pass unseen.

use std::fmt::Write;

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

/// One operator.
pub(super) fn line(operator: &OperatorReport) -> String {
    let word = match operator.fate {
        Fate::Killed => "killed",
        Fate::Survived => "SURVIVED",
        Fate::Accepted => "accepted",
        Fate::NotApplied => "not applied",
        Fate::AdviceOnly => "advice only",
        Fate::NotTried => "not tried",
    };
    let rest = match &operator.killed {
        Some(by) => format!("{} in {} ({}, {:.1} s)", by.check, by.scenario, by.way.name(), by.seconds),
        None => operator.why.clone().unwrap_or_default(),
    };
    format!("{word:<12} {:<30} {rest}", operator.operator)
}
