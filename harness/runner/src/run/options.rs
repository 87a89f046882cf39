//! What a run is given besides its plan.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use chartgate_cluster::KubeContext;

use super::{PATIENCE, PullSecret};

/// What a run is given besides its plan.
#[derive(Clone, Debug)]
pub struct Options {
    /// Kubernetes minor version, for example `1.34`; the whole version of a user's cluster.
    pub kubernetes: String,
    /// The user's cluster to run on; `None`: one of our own.
    pub context: Option<KubeContext>,
    /// Helm major version, `3` or `4`.
    pub helm: String,
    /// Leave the cluster and the namespaces as they are at the end.
    pub keep: bool,
    /// Make no cluster for a scenario of which a check that needs none is red.
    pub checks_first: bool,
    /// How long the shared cluster stays for the next run; `None`: only for a moment.
    pub keep_warm: Option<Duration>,
    /// How long a pod that cannot start, for a reason that does not pass by itself, is watched before its step is ended.
    pub patience: Duration,
    /// Certificates of the registries that versions to upgrade from are in, beside those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// With what the cluster pulls chartgate's own images; `None`: without.
    pub pull_secret: Option<PullSecret>,
    /// Where backing servers run; `None`: beside the cluster if its pods reach them there, else in it.
    pub backing: Option<BackingPlace>,
}

/// Where backing servers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackingPlace {
    /// In containers of this machine's engine, on the network of a kind cluster.
    Engine,
    /// As pods of the cluster.
    InCluster,
}

impl BackingPlace {
    /// As a person writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::InCluster => "in-cluster",
        }
    }
}

impl FromStr for BackingPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::Engine, Self::InCluster];
        let found = known.into_iter().find(|place| place.name() == text);
        found.ok_or_else(|| format!("expected {}", known.map(|place| format!("`{}`", place.name())).join(" or ")))
    }
}

impl Options {
    /// A run on a cluster of our own that leaves nothing, with these versions of Kubernetes and helm.
    pub fn new(kubernetes: String, helm: String) -> Self {
        let (keep, checks_first) = (false, false);
        let (context, keep_warm, pull_secret, ca_file, backing) = (None, None, None, None, None);
        let patience = PATIENCE;
        Self { kubernetes, context, helm, keep, checks_first, keep_warm, patience, ca_file, pull_secret, backing }
    }
}
