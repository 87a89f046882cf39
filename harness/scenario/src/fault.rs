//! Faults: as a scenario writes them, and what each needs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Formatter;

use chartgate_model::plan::{Fault, Image};
use chartgate_yaml::{Mistake, Spot};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::image::set_image;
use super::scalar::Duration;

/// Long enough for the liveness probes of the others to fail, if they ask the role (three times ten seconds by default).
const ROLE_DOWN_SECONDS: u64 = 40;

/// One is drained, and its pods go to another.
const NODES_TO_DRAIN: u8 = 2;

/// A tag that no one gives an image.
const NO_SUCH_TAG: &str = "chartgate-no-such-tag";

/// A fault is a name, or a map of one name to what belongs to it. It is made to happen, and stands on the timeline when it does. One
/// that did not happen proves nothing: the scenario is then void.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Fault")]
pub enum FaultFile {
    /// Every change of the schema that the application makes fails, in every database that a hook `migrates`.
    MigrationFails,
    /// The first change of the schema takes so long: `{migration-slow: 20s}`.
    MigrationSlow(Duration),
    /// No change of the schema ends, until helm does.
    MigrationHangs,
    /// The pod of the hook that `migrates` is killed in its first change; the Job's next pod finds nothing in its way.
    MigratorKilled,
    /// Helm is killed once a Job's pod or a changed workload shows that it has begun. The step is to end so, without `expect`.
    ClientKilled,
    /// The images get the contract's tag `crashes`: the migration succeeds, and the server ends at once.
    ImageCrashes,
    /// The images get the contract's tag `never-ready`: the migration succeeds, and the server is never ready.
    ImageNeverReady,
    /// The images get a tag that does not exist.
    ImageMissing,
    /// A ready pod of the role is killed without grace: `{pod-killed: app}`.
    PodKilled(String),
    /// The node with the most pods of the release is cordoned and its pods are evicted, as by `kubectl drain`; needs `workers: 2`.
    NodeDrained,
    /// The role has no pod for so long, by default 40 s: `{role-down: app}`, `{role-down: {role: app, for: 90s}}`.
    RoleDown(RoleDown),
    /// The PostgreSQL server, which is then the scenario's own, is restarted.
    DatabaseRestarts,
}

/// A role, and how long it has no pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleDown {
    role: String,
    length: Duration,
}

/// A role that is down for a while.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RoleDownFor {
    /// The contract's name of the role.
    role: String,
    /// How long; by default `40s`.
    r#for: Option<Duration>,
}

impl<'de> Deserialize<'de> for RoleDown {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct RoleOrMap;

        impl<'de> Visitor<'de> for RoleOrMap {
            type Value = RoleDown;

            fn expecting(&self, out: &mut Formatter) -> std::fmt::Result {
                out.write_str("a role, or a map with `role` and `for`")
            }

            fn visit_str<E: Error>(self, role: &str) -> Result<RoleDown, E> {
                Ok(RoleDown { role: role.to_owned(), length: Duration(ROLE_DOWN_SECONDS) })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RoleDown, A::Error> {
                let file = RoleDownFor::deserialize(MapAccessDeserializer::new(map))?;
                Ok(RoleDown { role: file.role, length: file.r#for.unwrap_or(Duration(ROLE_DOWN_SECONDS)) })
            }
        }

        reader.deserialize_any(RoleOrMap)
    }
}

impl JsonSchema for RoleDown {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RoleDown".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let whole = RoleDownFor::json_schema(generator);
        json_schema!({"anyOf": [{"type": "string"}, whole]})
    }
}

/// The faults that happen to a step of helm.
pub(super) struct FaultOfHelm;

/// The faults that are steps of their own.
pub(super) struct Disruption;

impl JsonSchema for FaultOfHelm {
    fn schema_name() -> Cow<'static, str> {
        "Fault".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        faults(generator, "What goes wrong during a step of helm", false)
    }
}

impl JsonSchema for Disruption {
    fn schema_name() -> Cow<'static, str> {
        "Disruption".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        faults(generator, "A disturbance of a release that nobody changes", true)
    }
}

fn faults(generator: &mut SchemaGenerator, what: &str, are_disruptions: bool) -> Schema {
    let mut schema = FaultFile::json_schema(generator);
    let whole = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let described = format!("{what}: {}", whole.trim_start_matches("A fault is "));
    schema.insert("description".to_owned(), Value::String(described));
    if let Some(kinds) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
        kinds.retain(|kind| {
            let key = kind["properties"].as_object().and_then(|properties| properties.keys().next());
            let name = kind["const"].as_str().or(key.map(String::as_str));
            name.is_some_and(|name| Fault::DISRUPTIONS.contains(&name)) == are_disruptions
        });
    }
    schema
}

impl FaultFile {
    /// As the plan holds it.
    pub fn plan(&self) -> Fault {
        match self {
            Self::MigrationFails => Fault::MigrationFails,
            Self::MigrationSlow(length) => Fault::MigrationSlow { seconds: length.0 },
            Self::MigrationHangs => Fault::MigrationHangs,
            Self::MigratorKilled => Fault::MigratorKilled,
            Self::ClientKilled => Fault::ClientKilled,
            Self::ImageCrashes => Fault::ImageCrashes,
            Self::ImageNeverReady => Fault::ImageNeverReady,
            Self::ImageMissing => Fault::ImageMissing,
            Self::PodKilled(role) => Fault::PodKilled { role: role.clone() },
            Self::NodeDrained => Fault::NodeDrained,
            Self::RoleDown(down) => Fault::RoleDown { role: down.role.clone(), seconds: down.length.0 },
            Self::DatabaseRestarts => Fault::DatabaseRestarts,
        }
    }
}

/// What a scenario and its contract have that faults need.
pub(super) struct Means {
    pub(super) workers: u8,
    pub(super) has_database: bool,
    pub(super) migrates: bool,
}

/// Refuses a fault that could never happen in the scenario, or not where it stands.
pub(super) fn check(at: Spot, fault: &Fault, is_own_step: bool, means: &Means) {
    if fault.is_disruption() != is_own_step {
        let place = if is_own_step { "it belongs to a step of helm" } else { "it is a step of its own" };
        at.refuse(Mistake::new(&format!("`{}` cannot stand here: {place}", fault.name())));
        return;
    }
    let (what, hint) = match fault {
        Fault::NodeDrained if means.workers < NODES_TO_DRAIN => {
            ("needs a node that pods can go to", "ask for nodes of the scenario's own: `workers: 2`")
        }
        Fault::DatabaseRestarts if !means.has_database => {
            ("needs a database", "name one under `backing:`: `postgres: {}`")
        }
        fault if fault.is_of_migration() && !means.migrates => {
            ("needs a hook that migrates a database", "name the database in the contract's hook: `migrates: NAME`")
        }
        _ => return,
    };
    at.refuse(Mistake::new(&format!("`{}` {what}", fault.name())).with_hint(hint));
}

/// The values that bring a faulty image, where the fault is one.
pub(super) fn values(at: Spot, fault: &Fault, images: &BTreeMap<String, Image>) -> Value {
    let tag_of = |image: &Image| match fault {
        Fault::ImageCrashes => image.crashes.clone(),
        Fault::ImageNeverReady => image.never_ready.clone(),
        Fault::ImageMissing => Some(NO_SUCH_TAG.to_owned()),
        _ => None,
    };
    let mut values = Value::Object(Map::new());
    let key = match fault {
        Fault::ImageCrashes => Some("crashes"),
        Fault::ImageNeverReady => Some("never-ready"),
        Fault::ImageMissing => None,
        _ => return values,
    };
    let tags: Vec<_> = images.values().filter_map(|image| Some((image, tag_of(image)?))).collect();
    if tags.is_empty() {
        let hint = match key {
            None => "name the value paths of an image under `images:` in the contract".to_owned(),
            Some(key) => format!("give an image of the contract a tag for it: `{key}: TAG`"),
        };
        let what = format!("no image of the contract can play `{}`", fault.name());
        at.refuse(Mistake::new(&what).with_hint(hint));
    }
    for (image, tag) in tags {
        set_image(&mut values, image, &tag);
    }
    values
}
