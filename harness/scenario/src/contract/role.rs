//! What a contract says of a role: its pods, what it serves, and how its users ask for it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Formatter;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use crate::network::NetworkFile;
use crate::scalar::Duration;

/// A role's promises.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Role")]
pub struct RoleFile {
    /// Labels that all of its pods have and no others: `KEY=VALUE`, comma-separated. `{{release}}` stands for the release's name.
    pub select: String,
    /// Environment variables that its containers have; with `null`, that they must not have.
    #[serde(default)]
    pub env: BTreeMap<String, Option<String>>,
    /// What it serves; without it, its pods must refuse connections.
    pub serves: Option<ServesFile>,
    /// Ports on which a role without a Service may accept connections: for metrics, or a probe's.
    #[serde(default)]
    pub listens: Vec<PortFile>,
    /// Ports on which its pods must refuse connections, whatever the role serves: `[admin, 9000]`. A path that must not be reachable is one of
    /// `serves.answers`, with `status: 404`.
    #[serde(default)]
    pub refuses: Vec<PortFile>,
    /// At most one pod of it may run at any time.
    #[serde(default)]
    pub singleton: bool,
}

/// What a role serves.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Serves")]
pub struct ServesFile {
    /// Container port, by name or number.
    pub port: PortFile,
    /// How it is spoken to; by default `http`. With `https` any certificate is taken, also one that nobody signed.
    #[serde(default)]
    #[schemars(schema_with = "schemes")]
    pub scheme: SchemeFile,
    /// Readiness path: it answers 200 when the pod is ready. Without it, only connections are tried.
    pub ready: Option<String>,
    /// Websocket sessions that live in one pod and can be reached through each.
    pub sessions: Option<SessionsFile>,
    /// Further paths and what they answer.
    #[serde(default)]
    pub answers: Vec<AnswerFile>,
    /// What its users ask for under traffic; by default the readiness path.
    pub traffic: Option<TrafficFile>,
    /// Work that its users hand in, and whose result they find later.
    pub job: Option<JobFile>,
    /// That a `NetworkPolicy` of the chart guards it, and whom that lets ask; without it, one that the chart renders all the same
    /// is to let anyone ask the serving port, and no other.
    pub network: Option<NetworkFile>,
}

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SchemeFile {
    /// HTTP.
    #[default]
    Http,
    /// HTTP over TLS.
    Https,
}

/// A request of a user, and the answer that is right.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Traffic")]
pub struct TrafficFile {
    /// Path with its query.
    pub path: String,
    /// Headers that it carries.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Exact status code of the answer; by default 200.
    #[serde(default = "ok")]
    pub status: u16,
    /// Text that the answer's body contains.
    pub body: Option<String>,
    /// Header of the answer that holds the name of the pod which gave it.
    pub pod: Option<String>,
}

/// Work that is handed in with one request and whose result is found with others. In each text `{{n}}` stands for the job's number, from 1.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Job")]
pub struct JobFile {
    /// Path of the POST that hands it in.
    pub path: String,
    /// Its body, a JSON document.
    #[serde(default)]
    pub body: String,
    /// Exact status code of the answer that accepts it; by default 200.
    #[serde(default = "ok")]
    pub status: u16,
    /// Key of that answer, a JSON object, whose value names the job.
    pub id: String,
    /// Path of the result, where `{{id}}` stands for that name: it answers 200 once the result is there.
    pub result: String,
    /// Text that the result's body contains.
    pub shows: Option<String>,
    /// How long after it was accepted the result is there at the latest; by default `60s`.
    pub within: Option<Duration>,
}

/// How a websocket session is spoken to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Sessions")]
pub struct SessionsFile {
    /// Path of the websocket; `{{session}}` stands for the session's name.
    pub path: String,
    /// Headers of the upgrade request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Said by the one that opens a session.
    pub first: String,
    /// Said by the one that reaches it through another pod.
    pub second: String,
    /// Text that an answer to each contains.
    pub reply: String,
    /// How a session goes on when its pod ends.
    pub continuity: Option<ContinuityFile>,
}

/// How a session goes on. In each text `{{n}}` stands for a message's number, from 1.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Continuity")]
pub struct ContinuityFile {
    /// What the client sends.
    pub message: String,
    /// What the server's acknowledgement of a message contains.
    pub acknowledged: String,
    /// What the server's first message on a connection contains: the number of the last one that it acknowledged.
    pub resumed: String,
}

/// A port's name or number.
#[derive(Clone, Debug)]
pub enum PortFile {
    /// By number.
    Number(u16),
    /// By name.
    Name(String),
}

impl PortFile {
    /// As the plan holds it.
    pub fn text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Name(name) => name,
        }
    }
}

// An untagged enum would say neither what was expected nor what was found.
impl<'de> Deserialize<'de> for PortFile {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct NumberOrName;

        impl Visitor<'_> for NumberOrName {
            type Value = PortFile;

            fn expecting(&self, out: &mut Formatter) -> std::fmt::Result {
                out.write_str("a port's name or number")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<PortFile, E> {
                Ok(PortFile::Name(name.to_owned()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<PortFile, E> {
                let number = u16::try_from(number).ok().filter(|number| *number > 0);
                number.map(PortFile::Number).ok_or_else(|| E::custom("a port's number is from 1 to 65535"))
            }
        }

        reader.deserialize_any(NumberOrName)
    }
}

impl JsonSchema for PortFile {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Port".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"type": "integer", "minimum": 1, "maximum": 65535}, {"type": "string"}]})
    }
}

/// A promised answer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Answer")]
pub struct AnswerFile {
    /// Path with its query.
    pub path: String,
    /// Exact status code; by default 200.
    #[serde(default = "ok")]
    pub status: u16,
    /// Text that the body contains.
    pub body: Option<String>,
    /// Headers and their exact values.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

fn schemes(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": ["http", "https"]})
}

pub(super) fn ok() -> u16 {
    200
}
