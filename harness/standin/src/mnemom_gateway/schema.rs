//! The tables, and which version brought them.

use crate::build::Build;
use crate::ledger;
use crate::migration::Migration;

/// Of version 1.
const LEDGER: Migration = Migration { version: 1, name: "create_ledger", ddl: ledger::TABLE };

/// Of version 1.
const CHECKS: Migration = Migration {
    version: 2,
    name: "create_integrity_checks",
    ddl: "CREATE TABLE integrity_checks (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        provider text NOT NULL, verdict text NOT NULL,
        checked_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );",
};

/// Of version 2. It only adds, so that version 1 goes on.
const MODEL: Migration = Migration {
    version: 3,
    name: "add_model_to_integrity_checks",
    ddl: "ALTER TABLE integrity_checks ADD COLUMN model text",
};

/// The same step, as a release brings it whose migration is wrong.
const BROKEN_MODEL: Migration =
    Migration { ddl: "ALTER TABLE integrity_checks_of_another_release ADD COLUMN model text", ..MODEL };

/// The migrations that a version brings with it.
pub fn migrations(build: Build) -> &'static [Migration] {
    match build {
        Build::V1 => &[LEDGER, CHECKS],
        Build::V2 | Build::Broken | Build::BrokenUnready => &[LEDGER, CHECKS, MODEL],
        Build::BrokenMigration => &[LEDGER, CHECKS, BROKEN_MODEL],
    }
}
