//! Servers in scenario and contract files.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::json;

use crate::plan::{Backing, Server};
use crate::yaml::{Mistake, Spot, unknown};

/// The kinds of servers that can be started by name alone.
const BACKING_KINDS: [&str; 2] = ["postgres", "redis"];

/// A server that the chart's pods use, of the scenario's own: one that is known by its name or `kind` (`postgres: {}`, `redis: {}`),
/// or else its `image`, `port` and sign of being `ready`. It runs outside the cluster, on its network.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Backing", transform = known_or_described)]
pub struct BackingFile {
    /// What it is, where its name does not say so: `cache: {kind: redis}`.
    #[schemars(extend("enum" = ["postgres", "redis", null]))]
    pub kind: Option<String>,
    /// Reference of its image, with a tag or a digest.
    pub image: Option<String>,
    /// Its environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The port that pods reach.
    pub port: Option<u16>,
    /// What it writes to its log once it is ready.
    pub ready: Option<String>,
}

fn known_or_described(schema: &mut Schema) {
    let known = json!({"properties": {"image": false, "env": false, "port": false, "ready": false}});
    let described = json!({"required": ["image", "port", "ready"], "properties": {"kind": false}});
    schema.insert("oneOf".to_owned(), json!([known, described]));
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

/// Refuses servers of an unknown kind, and those of an image that lack something.
pub fn check_backing(at: Spot, backing: &BTreeMap<String, BackingFile>) {
    for (name, server) in backing {
        let at = at.key(name);
        let is_whole = server.port.is_some() && server.ready.is_some() && server.kind.is_none();
        let has_more = server.port.is_some() || server.ready.is_some() || !server.env.is_empty();
        if if server.image.is_some() { !is_whole } else { has_more } {
            let hint =
                "a server of an image has `image`, `port`, `ready` and perhaps `env`; a known one has none of them";
            at.of_key().refuse(Mistake::new(&format!("the server `{name}` is not described")).with_hint(hint));
        } else if server.image.is_none() && !BACKING_KINDS.contains(&server.kind.as_ref().unwrap_or(name).as_str()) {
            let kind = server.kind.as_ref().unwrap_or(name);
            let mistake = unknown("backing server", kind, BACKING_KINDS);
            if server.kind.is_some() { at.key("kind").refuse(mistake) } else { at.of_key().refuse(mistake) }
        }
    }
}
