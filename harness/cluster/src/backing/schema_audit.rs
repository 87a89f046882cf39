//! The audit of a database's schema: a pair of event triggers that write to the server's log.
//!
//! A log line survives a rollback, a row in a table does not. Event triggers belong to one database and need a superuser; the
//! application's own role is none.

use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_process::wait::{Check, changed, until};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use super::Database;
use super::clock::Clock;
use crate::server::Heard;

/// From a statement to its line in the log it takes milliseconds, and the reader of the log a moment to start.
const IN_PLACE: Duration = Duration::from_secs(20);
/// After it a probe of the audit is repeated: the reader of the log may have started after the last one.
const PROBE: Duration = Duration::from_millis(100);
/// Begins the audit's lines in the server's log.
const MARK: &str = "chartgate-ddl ";
/// Begins the lines of a fault that took effect.
const FAULT_MARK: &str = "chartgate-fault ";
/// The audit's own schema; what happens in it is not reported.
const SCHEMA: &str = "chartgate";

/// The audit. It must never break the application's DDL, so that its own failure is a line in the log as well.
pub(super) const SQL: &str = r"
CREATE SCHEMA chartgate;

CREATE FUNCTION chartgate.tell(tag text, object text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tell$
BEGIN
  RAISE LOG 'chartgate-ddl %', json_build_object(
    'unix_ms', floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint,
    'tag', tag, 'object', object, 'user', session_user, 'database', current_database(),
    'application', current_setting('application_name'))::text;
END $tell$;

-- Whether this transaction wrote anything about a table. ALTER TABLE has a row also if it found nothing to do, such as with
-- ADD COLUMN IF NOT EXISTS. Numbers of subtransactions are above the transaction's own; what it removed, on_drop tells.
CREATE FUNCTION chartgate.is_written(relation oid) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $is_written$
  SELECT coalesce(bool_or(x.xmin::text::bigint >= mod(pg_current_xact_id_if_assigned()::text::bigint, 4294967296)), false)
  FROM (
    SELECT xmin FROM pg_class WHERE oid = relation
    UNION ALL SELECT xmin FROM pg_attribute WHERE attrelid = relation
    UNION ALL SELECT xmin FROM pg_attrdef WHERE adrelid = relation
    UNION ALL SELECT xmin FROM pg_constraint WHERE conrelid = relation
    UNION ALL SELECT xmin FROM pg_index WHERE indrelid = relation
    UNION ALL SELECT xmin FROM pg_inherits WHERE inhrelid = relation
    UNION ALL SELECT xmin FROM pg_trigger WHERE tgrelid = relation
    UNION ALL SELECT xmin FROM pg_policy WHERE polrelid = relation
    UNION ALL SELECT xmin FROM pg_rewrite WHERE ev_class = relation
  ) x
$is_written$;

CREATE FUNCTION chartgate.on_ddl() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $on_ddl$
DECLARE command record;
BEGIN
  -- No row stands for something that existed already: CREATE TABLE IF NOT EXISTS of such a table is none.
  FOR command IN SELECT * FROM pg_event_trigger_ddl_commands() LOOP
    -- These change no schema: temporary objects, members of an extension (it has a row itself), and fresh contents.
    CONTINUE WHEN command.schema_name LIKE 'pg\_temp%' OR command.in_extension
      OR command.command_tag IN ('REFRESH MATERIALIZED VIEW', 'REINDEX');
    CONTINUE WHEN command.command_tag = 'ALTER TABLE' AND command.classid = 'pg_class'::regclass
      AND NOT chartgate.is_written(command.objid);
    PERFORM chartgate.tell(command.command_tag, coalesce(command.object_identity, command.object_type, ''));
  END LOOP;
EXCEPTION WHEN OTHERS THEN
  RAISE LOG 'chartgate-ddl lost: %', SQLERRM;
END $on_ddl$;

CREATE FUNCTION chartgate.on_drop() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $on_drop$
DECLARE dropped record;
BEGIN
  FOR dropped IN SELECT * FROM pg_event_trigger_dropped_objects() WHERE original AND NOT is_temporary LOOP
    PERFORM chartgate.tell(tg_tag, coalesce(dropped.object_identity, dropped.object_type, ''));
  END LOOP;
EXCEPTION WHEN OTHERS THEN
  RAISE LOG 'chartgate-ddl lost: %', SQLERRM;
END $on_drop$;

-- A fault counts with it: a row in a table would not survive the rollback of a change that was made to fail.
CREATE SEQUENCE chartgate.fault_count;

GRANT USAGE ON SCHEMA chartgate TO PUBLIC;
CREATE EVENT TRIGGER chartgate_ddl ON ddl_command_end EXECUTE FUNCTION chartgate.on_ddl();
CREATE EVENT TRIGGER chartgate_drop ON sql_drop EXECUTE FUNCTION chartgate.on_drop();
";

/// A change of a database's schema, as the database itself told it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ddl {
    /// When, in milliseconds since 1970: by the server's clock in its log, by this machine's once it is [`Seen`].
    pub unix_ms: u64,
    /// Command tag, for example `CREATE TABLE`.
    pub tag: String,
    /// Identity of the object, for example `public.jobs`.
    pub object: String,
    /// Role that was connected.
    pub user: String,
    /// The `application_name` of its connection.
    pub application: String,
    database: String,
}

/// A fault that took effect in the database.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Fault {
    /// Index in the plan's steps.
    pub step: usize,
    /// What was done to which change, in words.
    pub what: String,
}

/// What an audit saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The schema changed.
    Ddl(Ddl),
    /// A fault struck.
    Fault(Fault),
    /// Something may not have been seen, and why.
    Gap(String),
}

/// The other end of an audit's changes.
#[derive(Debug)]
pub struct SchemaAudit {
    /// The latest probe that was seen.
    probes: watch::Receiver<u64>,
}

impl Database {
    /// Follows the server's log and gives the changes of this database's schema. From the return on, silence means that
    /// nothing changed: a probe of the audit was seen.
    pub async fn audit_schema(&self) -> Result<(SchemaAudit, mpsc::UnboundedReceiver<Seen>)> {
        let lines = self.server().place.follow_log().await.context("failed to follow the log of PostgreSQL")?;
        let (sender, seen) = mpsc::unbounded_channel();
        let (latest, probes) = watch::channel(0);
        tokio::spawn(read(lines, self.name().to_owned(), self.clock(), sender, latest));
        let audit = SchemaAudit { probes };
        audit.settle(self).await.context("failed to put the audit of the schema in place")?;
        Ok((audit, seen))
    }
}

impl SchemaAudit {
    /// Waits until all that changed before this call has been seen and given out.
    ///
    /// # Errors
    /// That the audit is lost; a [`Seen::Gap`] was given out then.
    pub async fn settle(&self, database: &Database) -> Result<()> {
        let mut probes = self.probes.clone();
        let started = *probes.borrow_and_update();
        let mut number = started;
        until("a probe of the schema's audit", IN_PLACE, || {
            number += 1;
            let (mut probes, wanted) = (probes.clone(), started + 1);
            async move {
                let table = format!("{SCHEMA}.probe_{number}");
                let probe = format!("CREATE TABLE {table} (); DROP TABLE {table}");
                let superuser = match database.superuser().await {
                    Ok(superuser) => superuser,
                    Err(error) => return Check::NotYet(format!("{error:#}")),
                };
                match superuser.batch_execute(&probe).await {
                    Ok(()) => {}
                    Err(error) if error.is_closed() => return Check::NotYet(error.to_string()),
                    Err(error) => return Check::Fatal(anyhow::Error::new(error).context("failed to probe the audit")),
                }
                let seen = changed("its line", PROBE, &mut probes, |seen| {
                    if *seen >= wanted { Check::Ready(()) } else { Check::NotYet(format!("probe {seen}")) }
                });
                match seen.await {
                    Ok(()) => Check::Ready(()),
                    Err(error) if probes.has_changed().is_err() => Check::Fatal(error),
                    Err(error) => Check::NotYet(format!("{error:#}")),
                }
            }
        })
        .await
    }
}

/// A line of the server's log.
#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    Ddl(Ddl),
    Fault(Fault),
    Probe(u64),
    Lost(String),
    /// Nothing of this database's audit.
    Other,
}

/// Understands one line of the server's log: `TIME ZONE [PID] DATABASE LOG:  chartgate-ddl {…}`.
fn parse(line: &str, database: &str) -> Parsed {
    // The words of others follow a different severity, or are continued with a tab.
    let Some((prefix, rest)) = line.split_once(" LOG:  ") else { return Parsed::Other };
    if prefix.split_once("] ").is_none_or(|(_, name)| name.trim() != database) {
        return Parsed::Other;
    }
    if let Some(told) = rest.strip_prefix(FAULT_MARK) {
        return serde_json::from_str(told).map_or_else(|_| Parsed::Lost(told.to_owned()), Parsed::Fault);
    }
    let Some(told) = rest.strip_prefix(MARK) else { return Parsed::Other };
    let ddl: Ddl = match serde_json::from_str(told) {
        Ok(ddl) => ddl,
        Err(_) => return Parsed::Lost(told.to_owned()),
    };
    match ddl.object.strip_prefix(SCHEMA).and_then(|object| object.strip_prefix('.')) {
        None => Parsed::Ddl(ddl),
        Some(own) => match own.strip_prefix("probe_").and_then(|number| number.parse().ok()) {
            // The second of its two lines: then the first has been seen as well.
            Some(number) if ddl.tag == "DROP TABLE" => Parsed::Probe(number),
            _ => Parsed::Other,
        },
    }
}

/// Gives out what the log's lines tell of one database.
async fn read(
    mut lines: mpsc::Receiver<Heard>,
    database: String,
    clock: Clock,
    seen: mpsc::UnboundedSender<Seen>,
    latest: watch::Sender<u64>,
) {
    let gap = |why: String| seen.send(Seen::Gap(why)).ok();
    loop {
        let line = tokio::select! {
            line = lines.recv() => line,
            () = seen.closed() => return,
        };
        let line = match line {
            Some(Heard::Line(line)) => line,
            Some(Heard::Lost(why)) => {
                gap(format!("a change of the schema could not be told: {why}"));
                continue;
            }
            Some(Heard::Ended(how)) => {
                gap(format!("the log of PostgreSQL is no longer followed: {how}"));
                return;
            }
            None => {
                gap("the log of PostgreSQL is no longer followed: its reader ended".to_owned());
                return;
            }
        };
        match parse(&line, &database) {
            Parsed::Ddl(ddl) => drop(seen.send(Seen::Ddl(Ddl { unix_ms: clock.here(ddl.unix_ms), ..ddl }))),
            Parsed::Fault(fault) => drop(seen.send(Seen::Fault(fault))),
            Parsed::Probe(number) => drop(latest.send_replace(number)),
            Parsed::Lost(why) => drop(gap(format!("a change of the schema could not be told: {why}"))),
            Parsed::Other => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = r#"{"unix_ms" : 1760000000123, "tag" : "CREATE TABLE", "object" : "public.jobs", "user" : "app", "database" : "app", "application" : "migrate"}"#;

    fn line(database: &str, told: &str) -> String {
        format!("2026-01-01 10:00:00.123 UTC [42] {database} LOG:  {MARK}{told}")
    }

    #[test]
    fn a_change_is_read_from_the_log() {
        let Parsed::Ddl(ddl) = parse(&line("app", TOLD), "app") else { panic!("no change") };
        assert_eq!(
            (ddl.unix_ms, ddl.tag.as_str(), ddl.object.as_str()),
            (1_760_000_000_123, "CREATE TABLE", "public.jobs")
        );
        assert_eq!((ddl.user.as_str(), ddl.application.as_str()), ("app", "migrate"));
    }

    #[test]
    fn other_databases_and_other_lines_are_not_its_own() {
        assert_eq!(parse(&line("other", TOLD), "app"), Parsed::Other);
        assert_eq!(parse("2026-01-01 10:00:00.123 UTC [1]  LOG:  checkpoint starting: time", "app"), Parsed::Other);
        assert_eq!(parse(&format!("\tSELECT ' LOG:  {MARK}{TOLD}'"), "app"), Parsed::Other);
    }

    #[test]
    fn a_probe_counts_once_it_is_dropped() {
        let probe = |tag: &str| TOLD.replace("CREATE TABLE", tag).replace("public.jobs", "chartgate.probe_7");
        assert_eq!(parse(&line("app", &probe("CREATE TABLE")), "app"), Parsed::Other);
        assert_eq!(parse(&line("app", &probe("DROP TABLE")), "app"), Parsed::Probe(7));
    }

    #[test]
    fn an_audit_that_fails_says_so() {
        assert_eq!(parse(&line("app", "lost: out of memory"), "app"), Parsed::Lost("lost: out of memory".to_owned()));
    }

    #[tokio::test]
    async fn a_log_that_ends_is_a_gap() {
        let ended = Heard::Ended("docker ended: signal: 9".to_owned());
        let seen = seen([Heard::Line(line("app", TOLD)), ended], Clock::default()).await;
        assert!(matches!(&seen[..], [Seen::Ddl(_), Seen::Gap(why)] if why.contains("signal: 9")), "{seen:?}");
    }

    /// A failure would mean that a change of the schema which nobody heard of is taken for none, or that no later one is heard.
    #[tokio::test]
    async fn a_line_that_was_lost_is_a_gap_and_the_next_one_is_read() {
        let heard = [Heard::Lost("lines 2 to 3 are missing".to_owned()), Heard::Line(line("app", TOLD))];
        let seen = seen(heard, Clock::default()).await;
        assert!(matches!(&seen[..], [Seen::Gap(why), Seen::Ddl(_), ..] if why.contains("lines 2 to 3")), "{seen:?}");
    }

    /// A failure would mean that a change is taken for one outside its hook's run because two machines' clocks differ.
    #[tokio::test]
    async fn a_change_is_told_by_this_machines_clock() {
        let seen = seen([Heard::Line(line("app", TOLD))], Clock::ahead_by(123)).await;
        assert!(matches!(&seen[0], Seen::Ddl(ddl) if ddl.unix_ms == 1_760_000_000_000), "{seen:?}");
    }

    /// What is given out of a log that ends behind this.
    async fn seen<const COUNT: usize>(heard: [Heard; COUNT], clock: Clock) -> Vec<Seen> {
        let (send, lines) = mpsc::channel(COUNT);
        let (seen, mut given) = mpsc::unbounded_channel();
        for heard in heard {
            send.send(heard).await.unwrap();
        }
        drop(send);
        read(lines, "app".to_owned(), clock, seen, watch::channel(0).0).await;
        std::iter::from_fn(|| given.try_recv().ok()).collect()
    }

    /// A failure would mean that a fault which struck is taken for one that did not.
    #[test]
    fn a_fault_is_read_from_the_log() {
        let line = line("app", "").replace(MARK, r#"chartgate-fault {"step" : 1, "what" : "it failed"}"#);
        assert_eq!(parse(&line, "app"), Parsed::Fault(Fault { step: 1, what: "it failed".to_owned() }));
        assert_eq!(parse(&line, "other"), Parsed::Other);
    }
}
