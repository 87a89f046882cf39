//! Servers of a scenario's own that are no databases: what is started for them, and what templates may use of them.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::home;
use crate::plan::{Backing, Plan, Server};

/// The containers that a plan needs, by name. A database is none: all share one server.
///
/// # Errors
/// If the set-up made no image of a server that is known by name.
pub fn servers(plan: &Plan) -> Result<BTreeMap<String, Server>> {
    let mut servers = BTreeMap::new();
    for (name, backing) in &plan.backing {
        let server = match backing {
            Backing::Postgres => continue,
            Backing::Redis => Server {
                image: home::image("REDIS")?,
                env: BTreeMap::new(),
                port: 6379,
                ready: "Ready to accept connections".to_owned(),
            },
            Backing::Server(server) => server.clone(),
        };
        servers.insert(name.clone(), server);
    }
    Ok(servers)
}

/// What templates may use of a server at this address, as `{{NAME.key}}`: `host` and `port`, and of Redis `url`.
pub fn variables(backing: &Backing, host: &str, port: u16) -> Vec<(&'static str, String)> {
    let mut variables = vec![("host", host.to_owned()), ("port", port.to_string())];
    if matches!(backing, Backing::Redis) {
        variables.push(("url", format!("redis://{host}:{port}")));
    }
    variables
}
