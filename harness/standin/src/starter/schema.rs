//! The tables, and which version brought them.

use crate::build::Build;
use crate::ledger;
use crate::migration::Migration;

/// Of version 1.
const LEDGER: Migration = Migration { version: 20_260_101_000_001, name: "create_ledger", ddl: ledger::TABLE };

/// Of version 1.
const INVOICES: Migration = Migration {
    version: 20_260_101_000_002,
    name: "create_invoices",
    ddl: "CREATE TABLE invoices (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        cents bigint NOT NULL, state text NOT NULL DEFAULT 'open'
    )",
};

/// Of version 2. It only adds, so that version 1 goes on.
const RETRIES: Migration = Migration {
    version: 20_260_201_000_001,
    name: "add_retries_to_invoices",
    ddl: "ALTER TABLE invoices ADD COLUMN retries integer NOT NULL DEFAULT 0",
};

/// The same step, as a release brings it whose migration is wrong.
const BROKEN_RETRIES: Migration = Migration {
    ddl: "ALTER TABLE invoices_of_another_release ADD COLUMN retries integer NOT NULL DEFAULT 0",
    ..RETRIES
};

const V1: &[Migration] = &[LEDGER, INVOICES];
const V2: &[Migration] = &[LEDGER, INVOICES, RETRIES];
const BROKEN: &[Migration] = &[LEDGER, INVOICES, BROKEN_RETRIES];

/// The migrations that a version brings with it.
pub fn migrations(build: Build) -> &'static [Migration] {
    match build {
        Build::V1 => V1,
        Build::V2 | Build::Broken | Build::BrokenUnready => V2,
        Build::BrokenMigration => BROKEN,
    }
}
