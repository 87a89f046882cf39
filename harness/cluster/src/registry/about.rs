//! What an entry says of itself.

use serde::{Deserialize, Serialize};

/// Version of an entry's content; of another one, only its containers' names are understood.
const FORMAT: u32 = 3;

/// What an entry says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    format: u32,
    /// The broker's process; it lives if the entry is locked.
    pub(super) pid: u32,
    /// Minor version of Kubernetes.
    pub kubernetes: String,
    /// Reference of the node's image; empty for a user's cluster.
    pub node_image: String,
    /// The user's cluster: its context's name.
    #[serde(default)]
    pub context: Option<String>,
    /// Its broker's key: a context may come to mean another cluster.
    #[serde(default)]
    context_key: Option<String>,
}

impl About {
    /// Of an entry of this process.
    pub fn new(kubernetes: &str, node_image: &str) -> Self {
        Self {
            format: FORMAT,
            pid: std::process::id(),
            kubernetes: kubernetes.to_owned(),
            node_image: node_image.to_owned(),
            context: None,
            context_key: None,
        }
    }

    /// Of an entry of this process for a user's cluster, by its context's name and the broker's key.
    pub fn of_context(kubernetes: &str, context: &str, key: &str) -> Self {
        Self { context: Some(context.to_owned()), context_key: Some(key.to_owned()), ..Self::new(kubernetes, "") }
    }

    /// Whether a cluster of the one does for the other.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let Self { format, pid: _, kubernetes, node_image, context, context_key } = self;
        (*format, kubernetes, node_image, context, context_key)
            == (other.format, &other.kubernetes, &other.node_image, &other.context, &other.context_key)
    }
}
