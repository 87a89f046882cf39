//! Which helm carries a step out, and how.

use std::borrow::Cow;
use std::fmt::Formatter;

use chartgate_model::plan::ServerSide;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// The major versions that there are.
const MAJORS: [u64; 2] = [3, 4];

/// A major version of helm.
#[derive(Clone, Copy, Debug)]
pub struct HelmFile(u64);

impl HelmFile {
    /// As the plan holds it.
    pub fn plan(self) -> String {
        self.0.to_string()
    }

    /// Whether it works changes out on the server.
    pub fn has_server_side(self) -> bool {
        self.0 >= 4
    }
}

impl<'de> Deserialize<'de> for HelmFile {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Major;

        impl Visitor<'_> for Major {
            type Value = HelmFile;

            fn expecting(&self, out: &mut Formatter) -> std::fmt::Result {
                out.write_str("helm's major version, `3` or `4`")
            }

            fn visit_u64<E: Error>(self, major: u64) -> Result<HelmFile, E> {
                let known = MAJORS.contains(&major).then_some(HelmFile(major));
                known
                    .ok_or_else(|| E::custom(format!("there is no Helm {major} to carry out a step: write `3` or `4`")))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<HelmFile, E> {
                let major = text
                    .parse()
                    .map_err(|_| E::custom(format!("`{text}` is no major version of helm: write `3` or `4`")))?;
                self.visit_u64(major)
            }
        }

        reader.deserialize_any(Major)
    }
}

impl JsonSchema for HelmFile {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Helm".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"enum": [3, 4, "3", "4"]})
    }
}

/// What `--server-side` is given.
#[derive(Clone, Copy, Debug)]
pub struct ServerSideFile(ServerSide);

impl ServerSideFile {
    /// As the plan holds it.
    pub fn plan(self) -> ServerSide {
        self.0
    }
}

impl<'de> Deserialize<'de> for ServerSideFile {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Way;

        impl Visitor<'_> for Way {
            type Value = ServerSideFile;

            fn expecting(&self, out: &mut Formatter) -> std::fmt::Result {
                out.write_str("`true`, `false` or `auto`")
            }

            fn visit_bool<E: Error>(self, is_on: bool) -> Result<ServerSideFile, E> {
                Ok(ServerSideFile(if is_on { ServerSide::True } else { ServerSide::False }))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ServerSideFile, E> {
                match text {
                    "auto" => Ok(ServerSideFile(ServerSide::Auto)),
                    _ => Err(E::custom(format!("`{text}` is none of `true`, `false` and `auto`"))),
                }
            }
        }

        reader.deserialize_any(Way)
    }
}

impl JsonSchema for ServerSideFile {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ServerSide".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"type": "boolean"}, {"type": "string", "const": "auto"}]})
    }
}
