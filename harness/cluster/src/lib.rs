//! Clusters: kind's or a user's own, leased from a broker that outlives whoever asked for them.
//!
//! A test process has no moment at which a shared cluster could be removed, so no test owns one. A [`broker`] process in a
//! session of its own does. A [`Lease`] is a connection to it: the end of the connection ends the lease, whatever ended the
//! holder. The broker then removes what the lease owned, and a few seconds after the last lease the clusters and itself.
//! Everything is registered in the state folder before it is made, so that the next broker finds what a killed one left.

pub mod audit;
pub mod backing;
pub mod broker;
mod capabilities;
mod caught;
mod containers;
mod context;
mod doing;
pub mod engine;
pub mod error;
mod existing;
mod images;
mod kind;
mod kinds;
mod lease;
mod making;
mod namespace;
mod outside;
mod own;
mod placement;
mod protocol;
mod provider;
mod pull;
mod registry;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use capabilities::Capabilities;
pub use context::KubeContext;
pub use doing::{Doing, Part};
pub use existing::Existing;
pub use images::available;
pub use kind::ROOM;
pub use kinds::{api, api_of};
pub use lease::Lease;
pub use namespace::{client, client_without_retries};
pub use outside::Outside;
pub use own::{find_images, is_static};
pub use placement::Placement;
pub use registry::{Standing, clean, standing};
pub use server::postgres::restart;
pub use server::{MILLICORES, Place, ServerNamespace, output_in};

use chartgate_model::plan::Server;

/// Docker's network of kind's nodes.
pub const NETWORK: &str = "kind";

/// What a lease is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Who asks, for the broker's log.
    pub run: String,
    /// Minor version of Kubernetes, for example `1.34`.
    pub kubernetes: String,
    /// The user's cluster to use; `None`: one that the broker makes.
    pub context: Option<KubeContext>,
    /// Whether others may use the cluster at the same time.
    pub sharing: Sharing,
    /// What it makes outside its namespaces on a cluster of chartgate's that it shares (`clusterrole/web`): another lease that makes one of
    /// the same name waits for its end.
    pub reaches: BTreeSet<String>,
    /// CPU that its pods request, in millicores: on a shared cluster it is kept free for them.
    pub millicores: u32,
    /// References of images that the nodes are to have. What neither the local engine nor a node has is left to the kubelet.
    pub images: Vec<String>,
    /// Those of them that pods surely run: before it is left to the kubelet, such an image is pulled once.
    pub needed_images: Vec<String>,
    /// A `PostgreSQL` server on the cluster's network.
    pub postgres: Databases,
    /// Servers of the lease's own on the cluster's network, by name.
    pub servers: BTreeMap<String, Server>,
    /// Leave the cluster, and what the lease owned, when it ends.
    pub keep: bool,
    /// How long the shared cluster is to stay for the next run when the last lease has ended; `None`: only for a moment.
    pub keep_warm: Option<Duration>,
    /// The process that asks: a cluster that another one left is told.
    pub process: u32,
}

impl Request {
    /// For a node that others may use, and nothing beside it.
    pub fn new(run: String, kubernetes: String) -> Self {
        Self {
            run,
            kubernetes,
            context: None,
            sharing: Sharing::Shared,
            reaches: BTreeSet::new(),
            millicores: 0,
            images: Vec::new(),
            needed_images: Vec::new(),
            postgres: Databases::None,
            servers: BTreeMap::new(),
            keep: false,
            keep_warm: None,
            process: std::process::id(),
        }
    }
}

/// Whose `PostgreSQL` server a lease gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Databases {
    /// It gets none.
    None,
    /// The one that all leases share.
    Shared,
    /// One of its own, which may be restarted.
    Own,
}

/// Whether others may use a cluster at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sharing {
    /// One node; each lease has namespaces of its own.
    Shared,
    /// A user's cluster, on which the lease reaches outside its namespaces: one such lease at a time.
    InTurn,
    /// A cluster of this lease's own, of so many nodes.
    Own {
        /// Control plane included, which takes pods only if it is the only one.
        nodes: u8,
    },
}

/// How to reach a leased cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Access {
    /// The name that kind gave it, or the user its context.
    pub name: String,
    /// A kubeconfig that holds this cluster alone.
    pub kubeconfig: PathBuf,
    /// Docker's network of its nodes.
    pub network: String,
    /// What a run may rely on.
    pub capabilities: Capabilities,
    /// Names of the nodes, which are those of their containers too; the control plane first. None: it is no kind cluster of
    /// this machine.
    pub nodes: Vec<String>,
    /// Those that were asked for and that neither the local engine nor the nodes have.
    pub missing_images: Vec<MissingImage>,
}

/// An image that is left to the kubelet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingImage {
    /// Its reference.
    pub reference: String,
    /// What each attempt to pull it ended with; none: it was not tried.
    pub said: Vec<String>,
}

/// A `PostgreSQL` server that the cluster's pods reach, with its superuser.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Postgres {
    /// Where it runs.
    pub place: Place,
    /// Address at which pods reach it.
    pub host: String,
    /// Port at which pods reach it.
    pub port: u16,
    /// The superuser.
    pub user: String,
    /// The superuser's password.
    pub password: String,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("place", &self.place).field("host", &self.host).finish_non_exhaustive()
    }
}

/// A server of a lease's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Where it runs.
    pub place: Place,
    /// Address at which pods reach it.
    pub host: String,
    /// Port at which pods reach it.
    pub port: u16,
}

/// Something that goes with its lease. It is registered before it is made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owned {
    /// A namespace of the leased cluster.
    Namespace(String),
    /// An object of the leased cluster outside these namespaces.
    Outside(Outside),
    /// A database of the leased server, and the login role of the same name.
    Database(String),
    /// A container on the cluster's network.
    Container(String),
}

impl fmt::Display for Owned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespace(name) => write!(f, "namespace `{name}`"),
            Self::Outside(object) => write!(f, "{object}"),
            Self::Database(name) => write!(f, "database `{name}`"),
            Self::Container(name) => write!(f, "container `{name}`"),
        }
    }
}
