//! `from:` and `--from`: what an upgrade starts from.

use std::borrow::Cow;
use std::fmt::Formatter;
use std::path::Path;

use anyhow::Result;
use chartgate_model::plan::{Origin, Place, Plan};
use chartgate_yaml::{Invalid, nearest};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::Overrides;
use super::version::{EXPECTED, VersionFile};

/// What stands for the chart itself.
const SELF: &str = "self";

/// The words that are no path.
const WORDS: [&str; 2] = ["previous", SELF];

/// What upgrades start from, as it is written: one version, or a list of them.
#[derive(Clone, Debug, Default)]
pub struct FromFile(pub(super) Vec<VersionFile>);

// An untagged enum would lose the place of a mistake.
impl<'de> Deserialize<'de> for FromFile {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct OneOrSeveral;

        impl<'de> Visitor<'de> for OneOrSeveral {
            type Value = Vec<VersionFile>;

            fn expecting(&self, out: &mut Formatter) -> std::fmt::Result {
                write!(out, "{EXPECTED}, or a list of them")
            }

            fn visit_str<E: Error>(self, one: &str) -> Result<Self::Value, E> {
                Ok(vec![VersionFile::at(one)])
            }

            fn visit_map<A: MapAccess<'de>>(self, one: A) -> Result<Self::Value, A::Error> {
                Ok(vec![VersionFile::of_map(one)?])
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut several: A) -> Result<Self::Value, A::Error> {
                std::iter::from_fn(|| several.next_element().transpose()).collect()
            }
        }

        reader.deserialize_any(OneOrSeveral).map(Self)
    }
}

impl JsonSchema for FromFile {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "From".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let version = generator.subschema_for::<VersionFile>();
        json_schema!({"anyOf": [version, {"type": "array", "items": version, "minItems": 1}]})
    }
}

/// A version that cannot be meant.
pub(super) struct Wrong {
    /// Its place in the list.
    pub(super) index: usize,
    pub(super) why: String,
}

/// The plan, upgraded from what the user says, else from what its scenario does. A plan without an upgrade stays as it is. Of a version
/// that both name, the scenario knows the values.
pub(super) fn begin_with(plan: Plan, scenarios: Vec<Origin>, overrides: &Overrides) -> Result<Plan> {
    let asked = overrides.from.iter().map(String::as_str);
    let mut users = origins(asked, Path::new("")).map_err(|wrong| Invalid(format!("--from: {}", wrong.why)))?;
    for user in &mut users {
        let known = scenarios.iter().find(|known| known.place == user.place);
        if let Some(known) = known {
            user.values.clone_from(&known.values);
        }
    }
    Ok(match overrides.from.is_empty() {
        true => plan.through(scenarios),
        false if plan.has_upgrade() => plan.through(users),
        false => plan,
    })
}

/// Reads versions; paths are relative to a folder.
pub(super) fn origins<'a>(asked: impl Iterator<Item = &'a str>, folder: &Path) -> Result<Vec<Origin>, Wrong> {
    let asked: Vec<&str> = asked.collect();
    if asked == [SELF] {
        return Ok(Vec::new());
    }
    let origin = |(index, text): (usize, &str)| {
        let place = if text == SELF {
            Err("`self` stands alone: the chart itself is what the last version is upgraded to".to_owned())
        } else {
            place(text, folder)
        };
        let place = place.map_err(|why| Wrong { index, why })?;
        Ok(Origin { asked: text.to_owned(), place, ..Origin::default() })
    };
    asked.into_iter().enumerate().map(origin).collect()
}

fn place(text: &str, folder: &Path) -> Result<Place, String> {
    if text == "previous" {
        return Ok(Place::Previous);
    }
    if let Some(reference) = text.strip_prefix("git:") {
        let is_name = !reference.is_empty() && !reference.starts_with('-');
        return if is_name { Ok(Place::Git(reference.to_owned())) } else { Err(format!("`{text}` names no commit")) };
    }
    if text.starts_with("oci://") {
        return Ok(Place::Registry(text.to_owned()));
    }
    let path = folder.join(text);
    // A path that is not there may be made by then; a single word is a mistake.
    if text.contains('/') || Path::new(text).extension().is_some_and(|ending| ending == "tgz") {
        let absolute = std::path::absolute(&path).map_err(|error| format!("`{text}` is no path: {error}"))?;
        return Ok(Place::Path(absolute));
    }
    let hint = nearest(text, WORDS.into_iter()).map_or(String::new(), |near| format!("\nhint: did you mean `{near}`?"));
    let known = "`previous`, `self`, `git:REF`, `oci://…`, a chart's folder (`./FOLDER`) or its `.tgz`";
    Err(format!("`{text}` is no version to upgrade from; write {known}{hint}"))
}
