//! What a server's pod is made of, and who may reach it.

use std::collections::{BTreeMap, BTreeSet};

use chartgate_model::plan::Server;
use serde_json::{Map, Value, json};

use super::CONTAINER;
use crate::Placement;
use crate::server::numbered;

/// Selects the pods of servers.
pub const SERVERS: &str = "app.kubernetes.io/name=chartgate-server";
/// What a server's pod requests: a server of a test is idle most of the time.
pub const MILLICORES: u32 = 60;
/// What of that is the sidecar's.
const FOLLOWER_MILLICORES: u32 = 10;
/// Where the server's log is, in both containers.
const LOGS: &str = "/var/log/chartgate";
/// The log of a server that a sidecar follows.
pub(super) const LOG: &str = "/var/log/chartgate/server.log";

/// A server's pod.
pub(super) struct Described<'a> {
    pub(super) name: String,
    image: &'a str,
    env: &'a BTreeMap<String, String>,
    log: Option<Log<'a>>,
}

/// A log in a file, which a sidecar follows.
struct Log<'a> {
    /// The sidecar's image.
    follower: &'a str,
    /// The server's command, which writes the file.
    command: Vec<String>,
}

impl<'a> Described<'a> {
    pub(super) fn of(name: String, server: &'a Server) -> Self {
        Self { name, image: &server.image, env: &server.env, log: None }
    }

    pub(super) fn with_log_of(self, follower: &'a str, command: Vec<String>) -> Self {
        Self { log: Some(Log { follower, command }), ..self }
    }

    /// Its environment, in which there are passwords.
    pub(super) fn secret(&self) -> Value {
        json!({"metadata": {"name": self.name}, "stringData": self.env})
    }

    pub(super) fn pod(&self) -> Value {
        let mut server = Map::from_iter([
            ("name".to_owned(), json!(CONTAINER)),
            ("image".to_owned(), json!(self.image)),
            ("imagePullPolicy".to_owned(), json!("IfNotPresent")),
            ("envFrom".to_owned(), json!([{"secretRef": {"name": self.name}}])),
            ("resources".to_owned(), requests(MILLICORES - FOLLOWER_MILLICORES, "64Mi")),
        ]);
        let mut containers = Vec::new();
        if let Some(log) = &self.log {
            server.insert("command".to_owned(), json!(log.command));
            server.insert("volumeMounts".to_owned(), json!([{"name": "logs", "mountPath": LOGS}]));
            containers.push(log.container());
        }
        containers.insert(0, Value::Object(server));
        let volumes = if self.log.is_some() { json!([{"name": "logs", "emptyDir": {}}]) } else { json!([]) };
        let Placement { tolerations, affinity } = Placement::undrained();
        let spec = json!({
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": 0,
            "tolerations": tolerations,
            "affinity": affinity,
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
            "containers": containers,
            "volumes": volumes,
        });
        let labels: BTreeMap<&str, &str> = SERVERS.split_once('=').into_iter().collect();
        json!({"metadata": {"name": self.name, "labels": labels}, "spec": spec})
    }
}

impl Log<'_> {
    fn container(&self) -> Value {
        json!({
            "name": numbered::CONTAINER,
            "image": self.follower,
            "imagePullPolicy": "IfNotPresent",
            "command": ["/prober", "follow", LOG],
            "resources": requests(FOLLOWER_MILLICORES, "8Mi"),
            "volumeMounts": [{"name": "logs", "mountPath": LOGS, "readOnly": true}],
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": 65532,
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            },
        })
    }
}

fn requests(millicores: u32, memory: &str) -> Value {
    json!({"requests": {"cpu": format!("{millicores}m"), "memory": memory}})
}

/// Lets pods of these namespaces reach the servers, and no other.
pub(super) fn policy(namespaces: &BTreeSet<String>) -> Value {
    // Kubernetes itself gives each namespace this label.
    let of_run = json!([{"key": "kubernetes.io/metadata.name", "operator": "In", "values": namespaces}]);
    let from = json!([{"namespaceSelector": {"matchExpressions": of_run}}]);
    let spec = json!({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": from}]});
    json!({"metadata": {"name": "servers"}, "spec": spec})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Server {
        let env = BTreeMap::from([("PASSWORD".to_owned(), "hidden".to_owned())]);
        Server { image: "db:1".to_owned(), env, port: 1, ready: String::new() }
    }

    /// A failure would mean that whoever may list pods of a shared cluster reads the password of a server.
    #[test]
    fn passwords_are_in_the_secret_alone() {
        let server = server();
        let described = Described::of("db".to_owned(), &server).with_log_of("prober:1", Vec::new());
        assert!(!described.pod().to_string().contains("hidden"));
        assert!(described.secret().to_string().contains("hidden"));
    }

    /// A failure would mean that the audit of a schema follows a file which nobody writes.
    #[test]
    fn both_containers_have_the_log() {
        let server = server();
        let alone = Described::of("db".to_owned(), &server).pod();
        assert_eq!(alone["spec"]["containers"].as_array().map(Vec::len), Some(1));
        let pod = Described::of("db".to_owned(), &server).with_log_of("prober:1", vec!["sh".to_owned()]).pod();
        let containers = pod["spec"]["containers"].as_array().unwrap();
        let mounts: Vec<_> = containers.iter().map(|it| it["volumeMounts"][0]["mountPath"].as_str()).collect();
        assert_eq!(mounts, [Some(LOGS), Some(LOGS)]);
        assert!(LOG.starts_with(&format!("{LOGS}/")));
        assert_eq!(pod["spec"]["affinity"], Placement::undrained().affinity);
    }

    /// A failure would mean that each pod of a shared cluster reaches a run's database.
    #[test]
    fn only_the_runs_namespaces_are_let_in() {
        let policy = policy(&BTreeSet::from(["a".to_owned(), "a-prober".to_owned()]));
        let from = &policy["spec"]["ingress"][0]["from"];
        assert_eq!(from.as_array().map(Vec::len), Some(1));
        let values = &from[0]["namespaceSelector"]["matchExpressions"][0]["values"];
        assert_eq!((values, &policy["spec"]["podSelector"]), (&json!(["a", "a-prober"]), &json!({})));
    }
}
