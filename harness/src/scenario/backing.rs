//! Servers in scenario and contract files.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Deserialize;

use super::unknown;
use crate::plan::{Backing, Server};
use crate::yaml::Source;

/// The kinds of servers that can be started by name alone.
const BACKING_KINDS: [&str; 2] = ["postgres", "redis"];

/// A server: one that is known by its name, or else its image, port and sign of readiness.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackingFile {
    /// What it is, where its name does not say so.
    pub kind: Option<String>,
    /// Reference of its image.
    pub image: Option<String>,
    /// Its environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The port that pods reach.
    pub port: Option<u16>,
    /// What it writes to its log once it is ready.
    pub ready: Option<String>,
}

impl BackingFile {
    /// Whether it has a schema that a hook can change.
    pub fn is_database(&self, name: &str) -> bool {
        self.image.is_none() && self.kind.as_deref().unwrap_or(name) == "postgres"
    }

    /// As the plan holds it; [`check_backing`] has seen it.
    pub fn plan(self, name: &str) -> Backing {
        match (self.image, self.kind.as_deref().unwrap_or(name)) {
            (Some(image), _) => Backing::Server(Server {
                image,
                env: self.env,
                port: self.port.unwrap_or_default(),
                ready: self.ready.unwrap_or_default(),
            }),
            (None, "redis") => Backing::Redis,
            (None, _) => Backing::Postgres,
        }
    }
}

/// Reports servers of an unknown kind, and those of an image that lack something.
pub fn check_backing(backing: &BTreeMap<String, BackingFile>, source: &Source) -> Result<()> {
    for (name, server) in backing {
        let is_whole = server.port.is_some() && server.ready.is_some() && server.kind.is_none();
        let has_more = server.port.is_some() || server.ready.is_some() || !server.env.is_empty();
        if if server.image.is_some() { !is_whole } else { has_more } {
            let hint = "hint: a server of an image has `image`, `port`, `ready` and perhaps `env`; a known one has none of them";
            return Err(source.error(name, &format!("the server `{name}` is not described\n{hint}")));
        }
    }
    let kinds = BACKING_KINDS.map(str::to_owned);
    let named = backing.iter().filter(|(_, server)| server.image.is_none());
    let named = named.map(|(name, server)| server.kind.as_ref().unwrap_or(name));
    match named.into_iter().find(|kind| !kinds.contains(kind)) {
        Some(kind) => Err(unknown(source, "backing server", kind, kinds.iter())),
        None => Ok(()),
    }
}
