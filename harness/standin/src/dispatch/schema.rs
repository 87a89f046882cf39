//! The tables, and which version brought them.

use crate::build::Build;
use crate::ledger;
use crate::migration::Migration;

/// Of version 1.
const LEDGER: Migration = Migration { version: 20_260_101_000_001, name: "create_ledger", ddl: ledger::TABLE };

/// Of version 1.
const ISSUES: Migration = Migration {
    version: 20_260_101_000_002,
    name: "create_issues",
    ddl: "CREATE TABLE issues (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        title text NOT NULL, lane text NOT NULL,
        synced_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )",
};

/// Of version 2. It only adds, so that version 1 goes on.
const CLAIMS: Migration = Migration {
    version: 20_260_201_000_001,
    name: "add_claims_to_issues",
    ddl: "ALTER TABLE issues ADD COLUMN claimed_by text",
};

/// The same step, as a release brings it whose migration is wrong.
const BROKEN_CLAIMS: Migration =
    Migration { ddl: "ALTER TABLE issues_of_another_release ADD COLUMN claimed_by text", ..CLAIMS };

const V1: &[Migration] = &[LEDGER, ISSUES];
const V2: &[Migration] = &[LEDGER, ISSUES, CLAIMS];
const BROKEN: &[Migration] = &[LEDGER, ISSUES, BROKEN_CLAIMS];

/// The migrations that a version brings with it.
pub fn migrations(build: Build) -> &'static [Migration] {
    match build {
        Build::V1 => V1,
        Build::V2 | Build::Broken | Build::BrokenUnready => V2,
        Build::BrokenMigration => BROKEN,
    }
}
