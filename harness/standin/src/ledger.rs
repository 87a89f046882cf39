//! The ledger: each role writes what it does, with pod, role, version and time, into a table that a scenario can query.

use crate::build::Build;
use crate::database::Database;

/// The ledger's table; an application's first migration makes it.
pub const TABLE: &str = "CREATE TABLE standin_ledger (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    pod text NOT NULL, role text NOT NULL, version text NOT NULL,
    event text NOT NULL, subject text NOT NULL DEFAULT ''
);";

/// The statement behind [`write`], for use within a larger one: pod, role, version, event, subject.
pub const INSERT: &str = "INSERT INTO standin_ledger (pod, role, version, event, subject)";

/// Who writes.
#[derive(Clone, Debug)]
pub struct Writer {
    /// The pod's name, or the host's outside of Kubernetes.
    pub pod: String,
    /// What the process is: `web`, `worker`, `eval`, …
    pub role: String,
    /// The version that it plays.
    pub build: Build,
}

/// Writes one line, and says on stderr if that fails: the ledger observes and stops nobody's work.
pub async fn write(database: &Database, writer: &Writer, event: &str, subject: &str) {
    let sql = format!("{INSERT} VALUES ($1, $2, $3, $4, $5)");
    if let Err(error) = database.query(&sql, &[&writer.pod, &writer.role, &writer.build.name(), &event, &subject]).await
    {
        eprintln!("could not write `{event}` to the ledger: {error:#}");
    }
}

/// The pod's name: Kubernetes makes it the host's. A chart may set `HOSTNAME` to something else, so the host itself is asked, unless the chart
/// tells the name as `POD_NAME`.
pub fn pod_name() -> String {
    let of_host = || std::fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned());
    let told = std::env::var("POD_NAME").ok().filter(|name| !name.is_empty());
    told.or_else(|| of_host().ok()).or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_else(|| "localhost".to_owned())
}
