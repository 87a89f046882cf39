//! Makes Secrets of `ExternalSecret`s, as External Secrets Operator does, from stores of the provider `fake`: their data stands in
//! the store itself. It runs against the operator's own definitions, takes the same objects, and sets the same conditions.
//!
//! What it does not know it refuses, with the field's name, where it would otherwise give another Secret than the operator: another
//! provider, templates, generators, `find`, rewriting. Finalizers are left out.

mod api;
mod condition;
mod controller;
mod secret;
mod spec;
mod store;

use anyhow::{Context, Result};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let client = kube::Client::try_default().await.context("read the service account")?;
    controller::run(client).await;
    Ok(())
}
