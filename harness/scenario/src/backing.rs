//! Servers in scenario and contract files.

use std::collections::BTreeMap;

use chartgate_model::plan::{Backing, Server};
use chartgate_yaml::{Mistake, Spot, unknown};
use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::{Value, json};

/// A server that the chart's pods use, of the scenario's own: one that is known by its name or `kind` (`postgres: {}`, `redis: {}`),
/// or else its `image`, `port` and sign of being `ready`. It runs beside the cluster, on its network, or as a pod of it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Backing", transform = known_or_described)]
pub struct BackingFile {
    /// What it is, where its name does not say so: `cache: {kind: redis}`.
    #[schemars(extend("enum" = known_kinds()))]
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

/// The kinds that a server's `kind` may be; none where its name says it.
fn known_kinds() -> Value {
    Backing::KNOWN.iter().map(|(name, _)| json!(name)).chain([Value::Null]).collect()
}

fn known_or_described(schema: &mut Schema) {
    let known = json!({"properties": {"image": false, "env": false, "port": false, "ready": false}});
    let described = json!({"required": ["image", "port", "ready"], "properties": {"kind": false}});
    schema.insert("oneOf".to_owned(), json!([known, described]));
}

impl BackingFile {
    /// Whether it has a schema that a hook can change.
    pub fn is_database(&self, name: &str) -> bool {
        self.clone().plan(name) == Some(Backing::Postgres)
    }

    /// As the plan holds it; `None`: there is no such kind, which [`check_backing`] refuses.
    pub fn plan(self, name: &str) -> Option<Backing> {
        let Some(image) = self.image else { return Backing::known(self.kind.as_deref().unwrap_or(name)) };
        Some(Backing::Server(Server {
            image,
            env: self.env,
            port: self.port.unwrap_or_default(),
            ready: self.ready.unwrap_or_default(),
        }))
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
        } else if server.clone().plan(name).is_none() {
            let kind = server.kind.as_ref().unwrap_or(name);
            let mistake = unknown("backing server", kind, Backing::KNOWN.map(|(known, _)| known));
            if server.kind.is_some() { at.key("kind").refuse(mistake) } else { at.of_key().refuse(mistake) }
        }
    }
}
