//! The databases of a scenario, each with an audit of its schema.

use std::sync::Arc;

use anyhow::Result;
use chartgate_base::random;
use chartgate_cluster::backing::{Database, SchemaAudit, Seen};
use chartgate_cluster::{Lease, Owned, Postgres};
use chartgate_model::plan::Plan;
use chartgate_model::recording::WALL_CLOCK;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

use crate::record::{Moment, Timeline};

/// All of them, on one server.
pub struct Databases {
    watched: Vec<Watched>,
    /// The last step in which a fault of a database struck.
    struck: watch::Receiver<Option<usize>>,
    /// What puts on the timeline what the audits see.
    tasks: JoinSet<()>,
    timeline: Timeline,
}

struct Watched {
    /// Name in the plan's `backing`.
    name: String,
    database: Database,
    audit: SchemaAudit,
    seen: Arc<Mutex<UnboundedReceiver<Seen>>>,
}

impl Databases {
    /// Makes those that the plan names, none where there is no server, and watches their schemas.
    pub async fn set(plan: &Plan, server: Option<&Postgres>, lease: &Lease, timeline: &Timeline) -> Result<Self> {
        let (strike, struck) = watch::channel(None);
        let mut databases = Self { watched: Vec::new(), struck, tasks: JoinSet::new(), timeline: timeline.clone() };
        let Some(server) = server else { return Ok(databases) };
        for name in plan.databases() {
            let own_name = format!("cg_{}", random::text(8));
            lease.owns(Owned::Database(own_name.clone())).await?;
            let database = Database::create(server, &own_name).await?;
            timeline.redactor().add(database.password());
            let (audit, seen) = database.audit_schema().await?;
            let seen = Arc::new(Mutex::new(seen));
            timeline.append(Moment::SchemaAudited { database: name.clone() });
            let (own_timeline, own_name, receiver) = (timeline.clone(), name.clone(), seen.clone());
            let strike = strike.clone();
            databases.tasks.spawn(async move {
                let mut receiver = receiver.lock().await;
                while let Some(seen) = receiver.recv().await {
                    if let Seen::Fault(fault) = &seen {
                        strike.send_replace(Some(fault.step));
                    }
                    note(&own_timeline, &own_name, seen);
                }
            });
            databases.watched.push(Watched { name: name.clone(), database, audit, seen });
        }
        Ok(databases)
    }

    /// What `{{NAME.…}}` stands for.
    pub fn templates(&self) -> impl Iterator<Item = (String, String)> {
        self.watched.iter().flat_map(|Watched { name, database, .. }| {
            let variables = database.variables().into_iter();
            variables.map(move |(field, value)| (format!("{name}.{field}"), value))
        })
    }

    /// The one of this name in the plan.
    pub fn named(&self, name: &str) -> Option<&Database> {
        self.watched.iter().find(|watched| watched.name == name).map(|watched| &watched.database)
    }

    /// Those whose schema a hook of the plan migrates.
    pub fn migrated<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = &'a Database> {
        let is_migrated = |name: &str| plan.hooks.values().any(|hook| hook.migrates.as_deref() == Some(name));
        self.watched.iter().filter(move |watched| is_migrated(&watched.name)).map(|watched| &watched.database)
    }

    /// Waits until a fault of a database strikes in a step.
    pub async fn until_struck(&self, step: usize) {
        // Without the recorder of the databases nobody will know.
        drop(self.struck.clone().wait_for(|struck| *struck == Some(step)).await);
    }

    /// Waits until the audits have reported all that happened until now.
    pub async fn settle(&self) -> Result<()> {
        for Watched { name, database, audit, .. } in &self.watched {
            audit.settle(database).await?;
            if let Some(step) = database.clock_step().await? {
                let why = format!("the clock of the server of database `{name}` was set by {step} ms during the run");
                self.timeline.append(Moment::Gap { of: WALL_CLOCK.to_owned(), why });
            }
        }
        Ok(())
    }

    /// Restarts their server; the audits go on as soon as it accepts connections.
    pub async fn restart(&self) -> Result<()> {
        let Some(first) = self.watched.first() else { return Ok(()) };
        self.settle().await?;
        let server = first.database.server();
        chartgate_cluster::restart(&server).await?;
        for watched in &self.watched {
            watched.database.reconnect(&server).await?;
            watched.audit.settle(&watched.database).await?;
        }
        Ok(())
    }

    /// Ends the recording; all that the audits had reported by then is on the timeline.
    pub async fn finish(mut self) {
        self.tasks.shutdown().await;
        for watched in &self.watched {
            // All that was seen before the last probe is in the channel, and nobody else reads it now.
            let mut seen = watched.seen.lock().await;
            while let Ok(seen) = seen.try_recv() {
                note(&self.timeline, &watched.name, seen);
            }
        }
    }
}

fn note(timeline: &Timeline, database: &str, seen: Seen) {
    let database = database.to_owned();
    timeline.append(match seen {
        // What is only a trap has not struck yet: who set it says what comes of it.
        Seen::Fault(fault) if fault.what.is_empty() => return,
        Seen::Fault(fault) => {
            Moment::Fault { step: fault.step, what: format!("{} in database `{database}`", fault.what) }
        }
        Seen::Ddl(ddl) => {
            Moment::Ddl { database, unix_ms: ddl.unix_ms, tag: ddl.tag, object: ddl.object, user: ddl.user }
        }
        Seen::Gap(why) => Moment::Gap { of: format!("ddl {database}"), why },
    });
}
