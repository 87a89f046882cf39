//! The tables, and which version brought them.

use crate::build::Build;
use crate::ledger;
use crate::migration::Migration;

/// Longer than a heartbeat comes late on a busy machine; after it a node's sessions are free for others.
pub const NODE_IS_GONE: &str = "interval '5 seconds'";

/// Of version 1.
const LEDGER: Migration = Migration { version: 20_260_101_000_001, name: "create_ledger", ddl: ledger::TABLE };

/// Of version 1.
const TABLES: Migration = Migration {
    version: 20_260_101_000_002,
    name: "create_jobs_prices_and_sessions",
    ddl: "CREATE TABLE oban_jobs (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        kind text NOT NULL, hold_ms integer NOT NULL DEFAULT 0,
        state text NOT NULL DEFAULT 'available',
        inserted_by text NOT NULL, inserted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        completed_by text, completed_at timestamptz
    );
    CREATE INDEX oban_jobs_available ON oban_jobs (id) WHERE state = 'available';
    CREATE TABLE model_prices (
        model text PRIMARY KEY,
        input_per_million numeric NOT NULL, output_per_million numeric NOT NULL,
        imported_by text NOT NULL, imported_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    CREATE TABLE nodes (pod text PRIMARY KEY, version text NOT NULL, seen_at timestamptz NOT NULL DEFAULT clock_timestamp());
    CREATE TABLE websocket_sessions (
        id text PRIMARY KEY,
        owner text, owner_node text, last_acked bigint NOT NULL DEFAULT 0,
        opened_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    CREATE TABLE websocket_messages (
        session text NOT NULL REFERENCES websocket_sessions, number bigint NOT NULL,
        body text NOT NULL, pod text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (session, number)
    );",
};

/// Of version 2. It only adds, so that version 1 goes on.
const PRIORITY: Migration = Migration {
    version: 20_260_201_000_001,
    name: "add_priority_to_jobs",
    ddl: "ALTER TABLE oban_jobs ADD COLUMN priority integer NOT NULL DEFAULT 0",
};

/// The same step, as a release brings it whose migration is wrong.
const BROKEN_PRIORITY: Migration = Migration {
    ddl: "ALTER TABLE oban_jobs_of_another_release ADD COLUMN priority integer NOT NULL DEFAULT 0",
    ..PRIORITY
};

const V1: &[Migration] = &[LEDGER, TABLES];
const V2: &[Migration] = &[LEDGER, TABLES, PRIORITY];
const BROKEN: &[Migration] = &[LEDGER, TABLES, BROKEN_PRIORITY];

/// The migrations that a version brings with it.
pub fn migrations(build: Build) -> &'static [Migration] {
    match build {
        Build::V1 => V1,
        Build::V2 | Build::Broken | Build::BrokenUnready => V2,
        Build::BrokenMigration => BROKEN,
    }
}
