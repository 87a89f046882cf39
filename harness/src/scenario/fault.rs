//! Faults, as a scenario writes them: a name, or a map with one name and what belongs to it.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::image::set_image;
use super::{seconds, unknown};
use crate::plan::{Fault, Image};
use crate::yaml::Source;

/// Long enough for the liveness probes of the others to fail, if they ask the role (three times ten seconds by default).
const ROLE_DOWN_SECONDS: u64 = 40;

/// A tag that no one gives an image.
const NO_SUCH_TAG: &str = "chartgate-no-such-tag";

/// The names of all faults, in the order of the reference.
const NAMES: [&str; 12] = [
    "migration-fails",
    "migration-slow",
    "migration-hangs",
    "migrator-killed",
    "client-killed",
    "image-crashes",
    "image-never-ready",
    "image-missing",
    "pod-killed",
    "node-drained",
    "role-down",
    "database-restarts",
];

/// Reads a fault: `NAME`, `{NAME: VALUE}`.
///
/// # Errors
/// [`Invalid`](crate::yaml::Invalid) for a name or a value that means nothing.
pub(super) fn parse<'a>(source: &Source, written: &Value, roles: impl Iterator<Item = &'a String>) -> Result<Fault> {
    let (name, value) = match written {
        Value::String(name) => (name.as_str(), &Value::Null),
        Value::Object(map) if map.len() == 1 => {
            map.iter().next().map_or(("", &Value::Null), |(name, value)| (name.as_str(), value))
        }
        _ => return Err(source.error("fault", "a fault is a name, or a map with one name: `{migration-slow: 20s}`")),
    };
    let roles: Vec<&String> = roles.collect();
    let role = |value: &Value| match value.as_str() {
        Some(role) if roles.iter().any(|known| *known == role) => Ok(role.to_owned()),
        Some(role) => Err(unknown(source, "role", role, roles.iter().copied())),
        None => Err(source.error(name, &format!("`{name}` names a role\nhint: write `{{{name}: ROLE}}`"))),
    };
    let plain = |fault| match value {
        Value::Null => Ok(fault),
        _ => Err(source.error(name, &format!("`{name}` takes no value"))),
    };
    match name {
        "migration-fails" => plain(Fault::MigrationFails),
        "migration-slow" => {
            let text = value.as_str().ok_or_else(|| source.error(name, "how slow? write `{migration-slow: 20s}`"))?;
            Ok(Fault::MigrationSlow { seconds: seconds(source, text)? })
        }
        "migration-hangs" => plain(Fault::MigrationHangs),
        "migrator-killed" => plain(Fault::MigratorKilled),
        "client-killed" => plain(Fault::ClientKilled),
        "image-crashes" => plain(Fault::ImageCrashes),
        "image-never-ready" => plain(Fault::ImageNeverReady),
        "image-missing" => plain(Fault::ImageMissing),
        "pod-killed" => Ok(Fault::PodKilled { role: role(value)? }),
        "node-drained" => plain(Fault::NodeDrained),
        "role-down" => role_down(source, value, role),
        "database-restarts" => plain(Fault::DatabaseRestarts),
        _ => {
            let names = NAMES.map(str::to_owned);
            Err(unknown(source, "fault", name, names.iter()))
        }
    }
}

/// `{role-down: ROLE}`, or `{role-down: {role: ROLE, for: 40s}}`.
fn role_down(source: &Source, value: &Value, role: impl Fn(&Value) -> Result<String>) -> Result<Fault> {
    let Value::Object(map) = value else {
        return Ok(Fault::RoleDown { role: role(value)?, seconds: ROLE_DOWN_SECONDS });
    };
    let keys = ["role".to_owned(), "for".to_owned()];
    if let Some(key) = map.keys().find(|key| !keys.contains(key)) {
        return Err(unknown(source, "key", key, keys.iter()));
    }
    let length = map.get("for").and_then(Value::as_str).map(|text| seconds(source, text)).transpose()?;
    let named = map.get("role").unwrap_or(&Value::Null);
    Ok(Fault::RoleDown { role: role(named)?, seconds: length.unwrap_or(ROLE_DOWN_SECONDS) })
}

/// The values that bring a faulty image, where the fault is one.
///
/// # Errors
/// [`Invalid`](crate::yaml::Invalid) if the contract names no such image.
pub(super) fn values(source: &Source, fault: &Fault, images: &BTreeMap<String, Image>) -> Result<Value> {
    let tag_of = |image: &Image| match fault {
        Fault::ImageCrashes => image.crashes.clone(),
        Fault::ImageNeverReady => image.never_ready.clone(),
        Fault::ImageMissing => Some(NO_SUCH_TAG.to_owned()),
        _ => None,
    };
    let mut values = Value::Object(Map::new());
    if !matches!(fault, Fault::ImageCrashes | Fault::ImageNeverReady | Fault::ImageMissing) {
        return Ok(values);
    }
    for (name, image) in images {
        if let Some(tag) = tag_of(image) {
            set_image(source, &mut values, name, image, &tag)?;
        }
    }
    if values == json!({}) {
        let key = if *fault == Fault::ImageCrashes { "crashes" } else { "never-ready" };
        let hint = match fault {
            Fault::ImageMissing => "hint: name the value paths of an image under `images:` in the contract".to_owned(),
            _ => format!("hint: give an image of the contract a tag for it: `{key}: TAG`"),
        };
        return Err(
            source.error(fault.name(), &format!("no image of the contract can play `{}`\n{hint}", fault.name()))
        );
    }
    Ok(values)
}
