//! A migration that fails, takes long or hangs, by a trap in the databases that hooks migrate.

use anyhow::Result;
use chartgate_cluster::backing::Trap;
use chartgate_model::plan::Plan;
use chartgate_process::tool::Output;

use crate::run::stage::Stage;

/// Calls helm with a trap set for the changes that the application makes of the schema.
pub async fn during(
    plan: &Plan,
    index: usize,
    stage: &Stage,
    trap: Trap,
    call: impl Future<Output = Result<Output>>,
) -> Result<Output> {
    for database in stage.databases.migrated(plan) {
        database.arm(index, trap).await?;
    }
    let output = call.await;
    for database in stage.databases.migrated(plan) {
        database.disarm().await?;
    }
    output
}
