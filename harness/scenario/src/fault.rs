//! Faults as a scenario writes them: a name, or a map of one name to what belongs to it, by the table of the model.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Formatter;

use chartgate_model::plan::{FAULTS, Fault, FaultKind, FaultyTag, Image, Takes, Target};
use chartgate_yaml::{Mistake, Spot};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, EnumAccess, Error, MapAccess, VariantAccess, Visitor};
use serde_json::{Map, Value};

use super::image::set_image;
use super::scalar::Duration;

/// One is drained, and its pods go to another.
const NODES_TO_DRAIN: u8 = 2;

/// A tag that no one gives an image.
const NO_SUCH_TAG: &str = "chartgate-no-such-tag";

/// The names of all faults, for messages.
const NAMES: [&str; FAULTS.len()] = {
    let mut names = [""; FAULTS.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = FAULTS[index].name;
        index += 1;
    }
    names
};

/// A fault as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultFile(Fault);

impl<'de> Deserialize<'de> for FaultFile {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct NameOrMap;

        impl<'de> Visitor<'de> for NameOrMap {
            type Value = FaultFile;

            fn expecting(&self, out: &mut Formatter) -> std::fmt::Result {
                out.write_str("enum FaultFile")
            }

            fn visit_enum<A: EnumAccess<'de>>(self, written: A) -> Result<FaultFile, A::Error> {
                let (name, value) = written.variant::<String>()?;
                let kind = FAULTS.iter().find(|kind| kind.name == name);
                let kind = kind.ok_or_else(|| A::Error::unknown_variant(&name, &NAMES))?;
                let fault = match kind.takes {
                    Takes::Nothing(make) => value.unit_variant().map(|()| make()),
                    Takes::Time(make) => value.newtype_variant::<Duration>().map(|length| make(length.0)),
                    Takes::Role(make) => value.newtype_variant().map(make),
                    Takes::RoleAndTime(make, usual) => {
                        let written = value.newtype_variant::<RoleAndTime>();
                        written.map(|it| make(it.role, it.length.map_or(usual, |length| length.0)))
                    }
                };
                fault.map(FaultFile)
            }
        }

        reader.deserialize_enum("FaultFile", &NAMES, NameOrMap)
    }
}

/// A role, and how long it comes to harm.
struct RoleAndTime {
    role: String,
    length: Option<Duration>,
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

impl<'de> Deserialize<'de> for RoleAndTime {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct RoleOrMap;

        impl<'de> Visitor<'de> for RoleOrMap {
            type Value = RoleAndTime;

            fn expecting(&self, out: &mut Formatter) -> std::fmt::Result {
                out.write_str("a role, or a map with `role` and `for`")
            }

            fn visit_str<E: Error>(self, role: &str) -> Result<RoleAndTime, E> {
                Ok(RoleAndTime { role: role.to_owned(), length: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RoleAndTime, A::Error> {
                let file = RoleDownFor::deserialize(MapAccessDeserializer::new(map))?;
                Ok(RoleAndTime { role: file.role, length: file.r#for })
            }
        }

        reader.deserialize_any(RoleOrMap)
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
        schema(generator, "What goes wrong during a step of helm", |kind| !kind.is_disruption())
    }
}

impl JsonSchema for Disruption {
    fn schema_name() -> Cow<'static, str> {
        "Disruption".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schema(generator, "A disturbance of a release that nobody changes", FaultKind::is_disruption)
    }
}

fn schema(generator: &mut SchemaGenerator, what: &str, is_it: fn(&FaultKind) -> bool) -> Schema {
    let kinds: Vec<Schema> = FAULTS.into_iter().filter(|kind| is_it(kind)).map(|kind| form(generator, kind)).collect();
    let how = "a name, or a map of one name to what belongs to it. It is made to happen, and stands on the timeline when it does. One \
               that did not happen proves nothing: the scenario is then void.";
    json_schema!({"description": format!("{what}: {how}"), "oneOf": kinds})
}

/// How one fault is written.
fn form(generator: &mut SchemaGenerator, kind: &FaultKind) -> Schema {
    let FaultKind { name, about, .. } = kind;
    let value = match kind.takes {
        Takes::Nothing(_) => return json_schema!({"description": about, "type": "string", "const": name}),
        Takes::Time(_) => generator.subschema_for::<Duration>(),
        Takes::Role(_) => json_schema!({"type": "string"}),
        Takes::RoleAndTime(..) => {
            let whole = RoleDownFor::json_schema(generator);
            json_schema!({"anyOf": [{"type": "string"}, whole]})
        }
    };
    let properties = Map::from_iter([((*name).to_owned(), Value::from(value))]);
    json_schema!({
        "description": about,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "required": [name],
    })
}

impl FaultFile {
    /// As the plan holds it.
    pub fn plan(&self) -> Fault {
        self.0.clone()
    }
}

/// What a scenario and its contract have that faults need.
pub(super) struct Means {
    pub(super) workers: u8,
    pub(super) has_database: bool,
    pub(super) migrates: bool,
}

impl Means {
    /// What is missing for a fault, and what to do; `None`: nothing.
    fn lack(&self, target: Target) -> Option<(&'static str, &'static str)> {
        match target {
            Target::Node => (self.workers < NODES_TO_DRAIN)
                .then_some(("needs a node that pods can go to", "ask for nodes of the scenario's own: `workers: 2`")),
            Target::DatabaseServer => {
                (!self.has_database).then_some(("needs a database", "name one under `backing:`: `postgres: {}`"))
            }
            Target::Migration { .. } => (!self.migrates).then_some((
                "needs a hook that migrates a database",
                "name the database in the contract's hook: `migrates: NAME`",
            )),
            // What an image lacks is said with its values.
            Target::Image(_) | Target::Helm | Target::Pods => None,
        }
    }
}

/// Refuses a fault that could never happen in the scenario, or not where it stands.
pub(super) fn check(at: Spot, fault: &Fault, is_own_step: bool, means: &Means) {
    let FaultKind { name, target, .. } = fault.kind();
    if fault.kind().is_disruption() != is_own_step {
        let place = if is_own_step { "it belongs to a step of helm" } else { "it is a step of its own" };
        at.refuse(Mistake::new(&format!("`{name}` cannot stand here: {place}")));
    } else if let Some((what, hint)) = means.lack(*target) {
        at.refuse(Mistake::new(&format!("`{name}` {what}")).with_hint(hint));
    }
}

/// The values that bring a faulty image, where the fault is one.
pub(super) fn values(at: Spot, fault: &Fault, images: &BTreeMap<String, Image>) -> Value {
    let mut values = Value::Object(Map::new());
    let Target::Image(faulty) = fault.kind().target else { return values };
    let tagged = images.values().filter_map(|image| Some((image, tag_of(image, faulty)?)));
    let tagged: Vec<(&Image, String)> = tagged.collect();
    if tagged.is_empty() {
        let hint = match faulty {
            FaultyTag::Missing => "name the value paths of an image under `images:` in the contract",
            FaultyTag::Crashes => "give an image of the contract a tag for it: `crashes: TAG`",
            FaultyTag::NeverReady => "give an image of the contract a tag for it: `never-ready: TAG`",
        };
        let what = format!("no image of the contract can play `{}`", fault.name());
        at.refuse(Mistake::new(&what).with_hint(hint));
    }
    for (image, tag) in tagged {
        set_image(&mut values, image, &tag);
    }
    values
}

fn tag_of(image: &Image, faulty: FaultyTag) -> Option<String> {
    match faulty {
        FaultyTag::Crashes => image.crashes.clone(),
        FaultyTag::NeverReady => image.never_ready.clone(),
        FaultyTag::Missing => Some(NO_SUCH_TAG.to_owned()),
    }
}
