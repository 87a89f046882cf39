//! Scenarios by versions, where a run has several: one table, and what is not the same in all of its columns.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use chartgate_judge::{Finding, Verdict};
use chartgate_model::plan::Versions;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ScenarioReport;
use super::explanation::word;

/// The table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Matrix {
    /// The versions, in the order of Kubernetes' and then helm's.
    pub columns: Vec<Versions>,
    /// The scenarios, in the order of their names.
    pub rows: Vec<Row>,
    /// The checks that do not end the same in each column, in the order of the scenarios.
    pub differences: Vec<Difference>,
}

/// A scenario in each column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// The scenario.
    pub scenario: String,
    /// Its verdict in each column; `null`: it is not there.
    pub verdicts: Vec<Option<Verdict>>,
}

/// A check of a scenario that does not end the same in each column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The scenario.
    pub scenario: String,
    /// The check.
    pub check: String,
    /// How it ended in each column; `null`: it was not examined.
    pub verdicts: Vec<Option<Verdict>>,
}

impl Matrix {
    /// Of the scenarios that were run on versions of several; `None`: there is none.
    pub(super) fn of(scenarios: &[ScenarioReport]) -> Option<Self> {
        let columns: BTreeSet<&Versions> = scenarios.iter().filter_map(|scenario| scenario.on.as_ref()).collect();
        if columns.len() < 2 {
            return None;
        }
        let mut by_name: BTreeMap<&str, BTreeMap<&Versions, &ScenarioReport>> = BTreeMap::new();
        for scenario in scenarios {
            if let Some(on) = &scenario.on {
                by_name.entry(&scenario.name).or_default().insert(on, scenario);
            }
        }
        let of_each = |name: &str, verdict: &dyn Fn(&ScenarioReport) -> Option<Verdict>| -> Vec<Option<Verdict>> {
            columns.iter().map(|column| verdict(by_name.get(name)?.get(*column)?)).collect()
        };
        let (mut rows, mut differences) = (Vec::new(), Vec::new());
        for (name, scenarios) in &by_name {
            rows.push(Row {
                scenario: (*name).to_owned(),
                verdicts: of_each(name, &|scenario| Some(scenario.verdict)),
            });
            for check in checks(scenarios.values().copied()) {
                let is_it = |finding: &&Finding| finding.check == check;
                let verdicts = of_each(name, &|scenario| Some(scenario.checks.iter().find(is_it)?.verdict));
                if verdicts.iter().any(|verdict| *verdict != verdicts[0]) {
                    differences.push(Difference { scenario: (*name).to_owned(), check: check.to_owned(), verdicts });
                }
            }
        }
        Some(Self { columns: columns.into_iter().cloned().collect(), rows, differences })
    }

    /// What a difference is, in words: `FAIL on Helm 4, Kubernetes 1.37; pass elsewhere`.
    pub(super) fn said(&self, difference: &Difference) -> String {
        let mut on: Vec<(&str, Vec<String>)> = Vec::new();
        for (verdict, column) in difference.verdicts.iter().zip(&self.columns) {
            let word = verdict.map_or("not examined", word);
            match on.iter_mut().find(|(known, _)| *known == word) {
                Some((_, columns)) => columns.push(column.to_string()),
                None => on.push((word, vec![column.to_string()])),
            }
        }
        // Stable: what is rarer comes first, else what is further to the left.
        on.sort_by_key(|(_, columns)| columns.len());
        let usual = on.last().filter(|(_, columns)| columns.len() > 1).map(|(word, _)| *word);
        let said = on.iter().map(|(word, columns)| match usual {
            Some(usual) if usual == *word => format!("{word} elsewhere"),
            _ => format!("{word} on {}", columns.join(" and ")),
        });
        said.collect::<Vec<_>>().join("; ")
    }

    /// The table as lines of text, each verdict painted as asked for.
    pub(super) fn table(&self, paint: impl Fn(Verdict) -> String) -> String {
        let widest = self.rows.iter().map(|row| row.scenario.chars().count()).max().unwrap_or_default();
        let titles: Vec<String> = self.columns.iter().map(ToString::to_string).collect();
        let mut out = format!("  {:widest$}  {}\n", "", titles.join("  "));
        for row in &self.rows {
            // Writing to a String does not fail.
            write!(out, "  {:widest$}", row.scenario).ok();
            for (verdict, title) in row.verdicts.iter().zip(&titles) {
                let (shown, plain) = verdict.map_or((String::new(), ""), |verdict| (paint(verdict), word(verdict)));
                let space = " ".repeat(title.chars().count().saturating_sub(plain.len()));
                write!(out, "  {shown}{space}").ok();
            }
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
        }
        out
    }
}

/// The names of the checks in any of them, in their order.
fn checks<'a>(scenarios: impl Iterator<Item = &'a ScenarioReport>) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for finding in scenarios.flat_map(|scenario| &scenario.checks) {
        if !names.contains(&finding.check.as_str()) {
            names.push(&finding.check);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::testing::{finding, report};
    use super::*;
    use crate::Report;

    fn on(helm: &str, verdict: Verdict) -> ScenarioReport {
        let mut scenario =
            report(vec![finding("ready", verdict, "x"), finding("renders", Verdict::Pass, "y")]).scenarios.remove(0);
        scenario.on = Some(Versions { kubernetes: "1.34".to_owned(), helm: helm.to_owned() });
        scenario
    }

    /// A failure would mean that a chart which holds with one helm alone looks as if it held with both, in some report.
    #[test]
    fn a_difference_between_versions_is_told_in_each_format() {
        let both = Report::new(vec![on("4", Verdict::Fail), on("3", Verdict::Pass)]);
        let matrix = both.matrix.as_ref().unwrap();
        assert_eq!(matrix.rows[0].verdicts, [Some(Verdict::Pass), Some(Verdict::Fail)]);
        assert_eq!(matrix.differences.len(), 1, "{matrix:?}");
        let said = "pass on Helm 3, Kubernetes 1.34; FAIL on Helm 4, Kubernetes 1.34";
        assert_eq!(matrix.said(&matrix.differences[0]), said);
        let table = "              Helm 3, Kubernetes 1.34  Helm 4, Kubernetes 1.34\n  chart/case  pass                     FAIL\n";
        assert_eq!(matrix.table(|verdict| word(verdict).to_owned()), table);

        let shown = chartgate_base::stdio::plain(&crate::print(&both));
        assert!(shown.contains(table) && shown.contains(&format!("differs  ready in chart/case: {said}")), "{shown}");
        let (markdown, page) = (crate::markdown::summary(&both), crate::page::document(&both).unwrap());
        let row = "| chart/case | pass | FAIL |";
        assert!(markdown.contains(row) && markdown.contains(&format!("ready in chart/case: {said}")), "{markdown}");
        assert!(page.contains(&format!("ready in chart/case: {said}")), "{page}");
        let junit = crate::junit::document(&both).unwrap();
        assert!(junit.contains("chart/case (Helm 4, Kubernetes 1.34)") && junit.contains(said), "{junit}");
    }

    /// A failure would mean that a reader searches the one version that differs among many.
    #[test]
    fn of_many_versions_the_rare_ones_are_named() {
        let mut scenarios = vec![on("3", Verdict::Pass), on("4", Verdict::Pass), on("4", Verdict::Fail)];
        scenarios[2].on = Some(Versions { kubernetes: "1.37".to_owned(), helm: "4".to_owned() });
        let matrix = Report::new(scenarios).matrix.unwrap();
        assert_eq!(matrix.said(&matrix.differences[0]), "FAIL on Helm 4, Kubernetes 1.37; pass elsewhere");
    }

    /// A failure would mean that a run on one pair of versions has a table of one column.
    #[test]
    fn one_pair_of_versions_is_no_matrix() {
        assert_eq!(Report::new(vec![on("3", Verdict::Pass)]).matrix, None);
        assert_eq!(report(Vec::new()).matrix, None);
    }
}
