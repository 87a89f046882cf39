//! What the contract promises: the chart's roles, hooks and images.

use std::collections::BTreeMap;
use std::fmt;

use chartgate_protocol::{Continuity, Job, Scheme, Session};
use serde::{Deserialize, Serialize};

/// A part of the application with pods of its own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Role {
    /// Label selector of the role's pods (`key=value`, comma-separated).
    pub select: String,
    /// Environment variables that each container set up for the role has; `None`: must not be set at all.
    pub env: BTreeMap<String, Option<String>>,
    /// What it serves; `None`: it accepts no connection.
    pub serves: Option<Serves>,
    /// Ports, by name or number, of a role that serves nothing, on which it may accept connections all the same.
    #[serde(default)]
    pub listens: Vec<String>,
    /// Ports, by name or number, on which it must refuse connections whatever it serves.
    #[serde(default)]
    pub refuses: Vec<String>,
    /// At most one pod of it may run at any time.
    pub singleton: bool,
}

/// How a serving role answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Serves {
    /// Container port, by name or number.
    pub port: String,
    /// How it is spoken to.
    #[serde(default)]
    pub scheme: Scheme,
    /// Paths and what they answer when the pod is ready. The first is the readiness path, if it has one.
    pub paths: Vec<HealthPath>,
    /// Websocket sessions that live in one pod and can be reached through each.
    pub sessions: Option<Sessions>,
    /// What its users ask for under traffic; `None`: the readiness path.
    #[serde(default)]
    pub traffic: Option<UserRequest>,
    /// Whom a `NetworkPolicy` of the chart lets ask; `None`: the chart promises no policy, and one that it renders lets anyone
    /// ask the serving port.
    #[serde(default)]
    pub network: Option<Network>,
    /// What its users hand in, and where they find the result; `None`: nothing.
    #[serde(default)]
    pub job: Option<Job>,
}

/// Whom a `NetworkPolicy` lets ask a role, and on which ports besides the serving one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Who may ask; `None`: anyone.
    pub from: Option<Peers>,
    /// Further container ports that they may ask, by name or number.
    pub ports: Vec<String>,
}

/// Pods of other namespaces, by labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peers {
    /// Labels of their namespaces.
    pub namespace: BTreeMap<String, String>,
    /// Labels of the pods; none: all pods of these namespaces.
    pub pods: BTreeMap<String, String>,
}

/// A request of a user, and the answer that is right.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRequest {
    /// Path with its query.
    pub path: String,
    /// Headers that it carries.
    pub headers: BTreeMap<String, String>,
    /// Exact status code of the answer.
    pub status: u16,
    /// Text that the answer's body contains.
    pub body: Option<String>,
    /// Header of the answer, in lower case, that holds the name of the pod which gave it.
    pub pod: Option<String>,
}

/// How a websocket session is spoken to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sessions {
    /// Path of the websocket; `{{session}}` stands for the session's name.
    pub path: String,
    /// What is said.
    pub talk: Session,
    /// How a session goes on when its pod ends; `None`: nothing is promised.
    #[serde(default)]
    pub continuity: Option<Continuity>,
}

/// A promised answer over HTTP.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct HealthPath {
    /// Path with its query, beginning with `/`.
    pub path: String,
    /// Exact status code.
    pub status: u16,
    /// Text that the body must contain.
    pub body: Option<String>,
    /// Headers that the answer must have, lower-case name to exact value.
    pub headers: BTreeMap<String, String>,
}

/// A Helm hook that the contract names.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Hook {
    /// Label selector of the hook's Job (`key=value`, comma-separated).
    pub select: String,
    /// The `helm.sh/hook` events it runs at, for example `pre-upgrade`.
    pub events: Vec<String>,
    /// Roles whose new pods may only be created after the hook completed.
    pub before: Vec<String>,
    /// Name of the database in `backing` whose schema only this hook may change.
    pub migrates: Option<String>,
    /// What is in a server once it has run, by name.
    #[serde(default)]
    pub effects: BTreeMap<String, Effect>,
}

/// State in a server that a hook makes, as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// How it is looked at.
    #[serde(flatten)]
    pub look: Look,
    /// Texts that are seen once the hook has run, and not before it ran for the first time.
    pub shows: Vec<String>,
}

/// How state in a server is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Look {
    /// A program in one of the release's pods.
    Pod {
        /// Label selector of the pods in one of which the program runs.
        pods: String,
        /// The program and its arguments.
        command: Vec<String>,
    },
    /// A program in the container of a server of `backing`.
    Server {
        /// The server's name in `backing`.
        server: String,
        /// The program and its arguments.
        command: Vec<String>,
    },
    /// A query of a database of `backing`.
    Database {
        /// The database's name in `backing`.
        database: String,
        /// One statement of SQL.
        query: String,
    },
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pod { command, .. } | Self::Server { command, .. } => f.write_str(&command.join(" ")),
            Self::Database { query, .. } => f.write_str(query),
        }
    }
}

/// An image that the scenario varies, and the values that set it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Image {
    /// Dotted value path of the repository, or of the whole reference where `tag_path` is `None`.
    pub repository_path: String,
    /// Dotted value path of the tag.
    pub tag_path: Option<String>,
    /// The repository to use; `None`: the chart's default.
    pub repository: Option<String>,
    /// Version name (`v1`) to tag.
    pub versions: BTreeMap<String, String>,
    /// Tag of a version whose server ends at once.
    #[serde(default)]
    pub crashes: Option<String>,
    /// Tag of a version whose server never becomes ready.
    #[serde(default)]
    pub never_ready: Option<String>,
    /// Roles and hooks that run this image; empty: all of them.
    pub used_by: Vec<String>,
}
