//! Faults of migrations: an event trigger that makes the changes of the application's role fail, take long or never end.
//!
//! They need nothing of the application's image, and nothing of what they leave behind stays when they are disarmed.

use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_process::wait::{Check, until};

use super::Database;

/// A backend ends within milliseconds of its termination.
const END: Duration = Duration::from_secs(20);

/// A backend that a fault has put to sleep holds the advisory lock of these two numbers, which mean nothing else.
const ASLEEP: &str = "pg_advisory_xact_lock_shared(1667785063, 1)";
/// The backends that do.
const SLEEPERS: &str =
    "FROM pg_locks WHERE locktype = 'advisory' AND classid = 1667785063 AND objid = 1 AND objsubid = 2
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// A server notices that its client is gone while it sleeps only if it is told to look.
const NOTICE_GONE_CLIENTS: &str = "client_connection_check_interval";

/// What becomes of the changes that the application makes of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// The first one fails, and each one after it.
    Fail,
    /// The first one takes so long.
    Sleep {
        /// In seconds.
        seconds: u64,
    },
    /// None ends.
    Hang,
    /// The first one sleeps until its client is gone, which is then the fault.
    SleepUntilKilled,
}

impl Trap {
    /// What the trigger does, before a command (`ddl_command_start`: no lock is held that the application's pods could wait for) or
    /// after it (`ddl_command_end`: what changed is known).
    fn trigger(self) -> (&'static str, String) {
        // An empty text: something sleeps, and its sleep alone is not the fault.
        let sleep = |first_only: bool, what: &str, sleep: &str| {
            let first = "IF nextval('chartgate.fault_count') > 1 THEN RETURN; END IF;";
            let first = if first_only { first } else { "" };
            let tell = format!("PERFORM chartgate.tell_fault(format('{what}', tg_tag));");
            ("ddl_command_start", format!("{first} {tell} PERFORM {ASLEEP}; {sleep}"))
        };
        let forever = "LOOP PERFORM pg_sleep(3600); END LOOP;";
        match self {
            Self::Fail => ("ddl_command_end", FAIL.to_owned()),
            Self::Sleep { seconds } => {
                let what = format!("the first change, %s, was made to take {seconds} s");
                sleep(true, &what, &format!("PERFORM pg_sleep({seconds});"))
            }
            Self::Hang => sleep(false, "the change %s was made to hang", forever),
            Self::SleepUntilKilled => sleep(true, "", forever),
        }
    }
}

/// Temporary objects are no change of the schema, nor is what exists already (no row stands for it).
const FAIL: &str = r"
  SELECT tg_tag || ' ' || coalesce(object_identity, object_type, '') INTO what FROM pg_event_trigger_ddl_commands()
    WHERE coalesce(schema_name, '') NOT LIKE 'pg\_temp%' LIMIT 1;
  IF what IS NULL AND tg_tag NOT LIKE 'DROP %' THEN RETURN; END IF;
  what := coalesce(what, tg_tag);
  PERFORM chartgate.tell_fault(format('the change %s was made to fail', what));
  RAISE EXCEPTION 'chartgate: % was made to fail', what;";

impl Database {
    /// Sets a trap for the changes that the application makes from now on, in this step of the plan.
    pub async fn arm(&self, step: usize, trap: Trap) -> Result<()> {
        let (event, action) = trap.trigger();
        // The application's role is called as its database: neither a superuser nor the audit's probes are meant.
        let arm = format!(
            r"CREATE OR REPLACE FUNCTION chartgate.tell_fault(what text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tell$
BEGIN
  RAISE LOG 'chartgate-fault %', json_build_object('step', {step}, 'what', what)::text;
END $tell$;
CREATE OR REPLACE FUNCTION chartgate.on_fault() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fault$
DECLARE what text;
BEGIN
  IF session_user <> current_database() OR tg_tag = 'REFRESH MATERIALIZED VIEW' THEN RETURN; END IF;
  {action}
END $fault$;
SELECT setval('chartgate.fault_count', 1, false);
CREATE EVENT TRIGGER chartgate_fault ON {event} EXECUTE FUNCTION chartgate.on_fault();"
        );
        let context = || format!("failed to set a trap for migrations in database `{}`", self.name());
        let superuser = self.superuser().await.with_context(context)?;
        superuser.batch_execute(&arm).await.with_context(context)?;
        if trap == Trap::SleepUntilKilled {
            let notice = format!("ALTER DATABASE \"{}\" SET {NOTICE_GONE_CLIENTS} = 100", self.name());
            superuser.batch_execute(&notice).await.with_context(context)?;
        }
        Ok(())
    }

    /// Waits until no change sleeps any more, for `limit` at most: its client is gone.
    pub async fn awake(&self, limit: Duration) -> Result<()> {
        let superuser = self.superuser().await?;
        until("the backend of the killed migrator to end", limit, || async {
            match superuser.query(&format!("SELECT pid {SLEEPERS}"), &[]).await {
                Ok(rows) if rows.is_empty() => Check::Ready(()),
                Ok(rows) => Check::NotYet(format!("{} that sleep", rows.len())),
                Err(error) => Check::Fatal(error.into()),
            }
        })
        .await
    }

    /// Ends a fault, and the changes that it has put to sleep.
    pub async fn disarm(&self) -> Result<()> {
        let context = || format!("failed to end the fault in database `{}`", self.name());
        let reset = format!("ALTER DATABASE \"{}\" RESET {NOTICE_GONE_CLIENTS}", self.name());
        let superuser = self.superuser().await.with_context(context)?;
        superuser.batch_execute("DROP EVENT TRIGGER IF EXISTS chartgate_fault").await.with_context(context)?;
        superuser.batch_execute(&reset).await.with_context(context)?;
        let terminate = format!("SELECT pg_terminate_backend(pid) {SLEEPERS}");
        until("the changes that a fault has put to sleep to end", END, || async {
            match superuser.query(&terminate, &[]).await {
                Ok(rows) if rows.is_empty() => Check::Ready(()),
                Ok(rows) => Check::NotYet(format!("{} that sleep", rows.len())),
                Err(error) => Check::Fatal(error.into()),
            }
        })
        .await
        .with_context(context)
    }
}
