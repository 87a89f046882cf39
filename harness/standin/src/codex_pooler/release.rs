//! The tasks of a release: what `eval` runs without a node.

use anyhow::{Context as _, Result, bail};

use super::config::Config;
use super::schema;
use crate::database::Database;
use crate::ledger::{self, Writer};
use crate::migration;

/// The vendored price list: model, dollars for a million tokens in, and out.
const PRICES: [(&str, &str, &str); 3] =
    [("gpt-5-codex", "1.25", "10.00"), ("gpt-5", "1.25", "10.00"), ("gpt-5-mini", "0.25", "2.00")];

/// One task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Brings the schema up to this version.
    Migrate,
    /// Imports the vendored prices.
    ImportPricing,
}

/// Reads expressions that `;` or a line's end separates.
///
/// # Errors
/// At the first expression that is no task, or if there is none.
pub fn parse(expressions: &str) -> Result<Vec<Task>> {
    let tasks = split(expressions).map(|expression| match expression {
        "CodexPooler.Release.migrate" => Ok(Task::Migrate),
        "CodexPooler.Release.import_pricing" => Ok(Task::ImportPricing),
        other => bail!("undefined function `{other}`; eval knows `CodexPooler.Release.migrate()` and `CodexPooler.Release.import_pricing()`"),
    });
    let tasks = tasks.collect::<Result<Vec<_>>>()?;
    if tasks.is_empty() {
        bail!("eval needs an expression");
    }
    Ok(tasks)
}

/// The expressions of a line, without the parentheses of a call that has no arguments.
pub fn split(expressions: &str) -> impl Iterator<Item = &str> {
    let parts = expressions.split([';', '\n']).map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| part.strip_suffix("()").unwrap_or(part))
}

/// Runs tasks in their order.
///
/// # Errors
/// The first that fails; those after it do not run.
pub async fn eval(tasks: &[Task], config: &Config) -> Result<()> {
    let database = Database::new(config.database.clone(), &format!("codex_pooler eval {}", config.pod));
    let writer = Writer { pod: config.pod.clone(), role: "migrations".into(), build: config.build };
    for task in tasks {
        match task {
            Task::Migrate => migration::deploy(&database, &writer, schema::migrations(config.build)).await?,
            Task::ImportPricing => import_pricing(&database, &writer).await?,
        }
    }
    Ok(())
}

async fn import_pricing(database: &Database, writer: &Writer) -> Result<()> {
    for (model, input, output) in PRICES {
        let sql = "INSERT INTO model_prices (model, input_per_million, output_per_million, imported_by)
            VALUES ($1, $2::text::numeric, $3::text::numeric, $4)
            ON CONFLICT (model) DO UPDATE SET input_per_million = excluded.input_per_million,
                output_per_million = excluded.output_per_million, imported_by = excluded.imported_by, imported_at = clock_timestamp()";
        database
            .query(sql, &[&model, &input, &output, &writer.build.name()])
            .await
            .context("import the pricing feed")?;
    }
    println!("imported the prices of {} models", PRICES.len());
    ledger::write(database, writer, "import-pricing", &format!("{} models", PRICES.len())).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_can_be_combined() {
        let tasks = parse("CodexPooler.Release.migrate(); CodexPooler.Release.import_pricing()\n");
        assert_eq!(tasks.ok(), Some(vec![Task::Migrate, Task::ImportPricing]));
    }

    /// A hook with a mis-spelled task must fail, not succeed at doing nothing.
    #[test]
    fn what_is_no_task_is_refused() {
        for expressions in ["", " ; ", "CodexPooler.Release.migrat()", "CodexPooler.Release.migrate(); halt()"] {
            assert!(parse(expressions).is_err(), "`{expressions}` was taken");
        }
    }
}
