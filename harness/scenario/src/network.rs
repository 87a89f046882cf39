//! Whom a `NetworkPolicy` lets ask a role, as a contract writes it.

use std::collections::BTreeMap;

use chartgate_model::plan::{Network, Peers};
use chartgate_yaml::{Mistake, Spot};
use schemars::JsonSchema;
use serde::Deserialize;

use super::contract::{PortFile, RoleFile};

/// Whom a `NetworkPolicy` of the chart lets ask a role.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Network")]
pub struct NetworkFile {
    /// Who may ask; without it anyone.
    pub from: Option<PeersFile>,
    /// Container ports that they may ask besides the serving one.
    #[serde(default)]
    pub ports: Vec<PortFile>,
}

/// Pods of other namespaces that may ask. The harness asks as one of them, and as others that are not.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Peers")]
pub struct PeersFile {
    /// Labels of their namespaces (`key=value,…`).
    pub namespace: String,
    /// Labels of the pods; without it, all pods of these namespaces.
    #[serde(default)]
    pub pods: String,
}

impl NetworkFile {
    /// As the plan holds it.
    pub fn plan(self) -> Network {
        let from = self.from.map(|peers| Peers { namespace: labels(&peers.namespace), pods: labels(&peers.pods) });
        Network { from, ports: self.ports.into_iter().map(PortFile::text).collect() }
    }
}

fn labels(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect()
}

/// Set by the API server to the namespace's name, which is a new one for each run.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Refuses peers that the harness cannot be.
pub fn check(at: Spot, roles: &BTreeMap<String, RoleFile>) {
    let (mut namespaces, mut pods) = (BTreeMap::new(), BTreeMap::new());
    for (name, role) in roles {
        let Some(peers) = role.serves.as_ref().and_then(|serves| serves.network.as_ref()?.from.as_ref()) else {
            continue;
        };
        let at = at.key(name).key("serves").key("network").key("from");
        let namespace = labels(&peers.namespace);
        if namespace.is_empty() {
            let what = "`from` has no labels of a namespace, and the harness asks from a namespace of its own";
            let hint = "write `namespace: KEY=VALUE`, the label of the namespaces whose pods may ask";
            at.key("namespace").refuse(Mistake::new(what).with_hint(hint));
        }
        if namespace.contains_key(NAME_LABEL) {
            let what = format!("`{NAME_LABEL}` is the name of one namespace, and each run makes its own");
            let hint = "let the chart select by another label, and name that one";
            at.key("namespace").refuse(Mistake::new(&what).with_hint(hint));
        }
        for (key, value) in namespace {
            join(at.key("namespace"), &mut namespaces, key, value);
        }
        for (key, value) in labels(&peers.pods) {
            join(at.key("pods"), &mut pods, key, value);
        }
    }
}

/// One pod asks all roles, so a label has one value.
fn join(at: Spot, known: &mut BTreeMap<String, String>, key: String, value: String) {
    if let Some(other) = known.get(&key).filter(|other| **other != value) {
        let what = format!("the label `{key}` is to be `{other}` and `{value}`");
        let hint = "the harness asks every role as one pod; let roles with other peers have a contract of their own";
        at.refuse(Mistake::new(&what).with_hint(hint));
    }
    known.insert(key, value);
}
