//! Two namespaces on two nodes, in which every row of the truth table is true or not.

use std::net::IpAddr;
use std::sync::Arc;

use chartgate_network_policy::{Cluster, ruleset};
use serde_json::{Value, json};

use crate::kernel::{Packet, forwards};

const NODES: [(&str, &str); 2] = [("node-1", "172.18.0.2"), ("node-2", "172.18.0.3")];

/// Name, node, labels, addresses, ports. `agent` is in the node's network. `done` has ended and `leaving` is
/// about to: other pods have their addresses now.
fn pods() -> Vec<Value> {
    let http = |number: u16| json!([{"name": "http", "containerPort": number}]);
    let web = json!([
        {"name": "http", "containerPort": 8080}, {"name": "dns", "containerPort": 5353, "protocol": "UDP"}
    ]);
    let mut pods = vec![
        pod("shop/web", "node-1", "web", &["10.244.0.2", "fd00::2"], &web),
        pod("shop/db", "node-2", "db", &["10.244.1.3", "fd00:1::3"], &json!([{"name": "pg", "containerPort": 5432}])),
        pod("shop/cache", "node-1", "cache", &["10.244.0.4"], &http(6379)),
        pod("bank/web", "node-2", "web", &["10.244.1.5"], &http(9090)),
        pod("bank/db", "node-1", "db", &["10.244.0.6"], &json!([])),
        pod("shop/agent", "node-1", "agent", &["172.18.0.2"], &http(8080)),
        pod("shop/done", "node-1", "done", &["10.244.0.2"], &http(8081)),
        pod("shop/leaving", "node-1", "leaving", &["10.244.0.4"], &json!([])),
        pod("shop/starting", "node-1", "db", &[], &json!([])),
    ];
    pods[1]["spec"]["initContainers"] = json!([
        {"name": "sidecar", "restartPolicy": "Always", "ports": [{"name": "metrics", "containerPort": 9187}]},
        {"name": "once", "ports": [{"name": "setup", "containerPort": 7000}]},
    ]);
    pods[5]["spec"]["hostNetwork"] = json!(true);
    pods[6]["status"]["phase"] = json!("Succeeded");
    pods[7]["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    pods
}

fn pod(name: &str, node: &str, app: &str, addresses: &[&str], ports: &Value) -> Value {
    let (ns, name) = name.split_once('/').unwrap();
    let addresses: Vec<_> = addresses.iter().map(|ip| json!({"ip": ip})).collect();
    json!({
        "metadata": {"name": name, "namespace": ns, "uid": format!("{ns}-{name}"), "labels": {"app": app}},
        "spec": {"nodeName": node, "containers": [{"name": "main", "ports": ports}]},
        "status": {"phase": "Running", "podIPs": addresses},
    })
}

fn of_values<K: serde::de::DeserializeOwned>(values: impl IntoIterator<Item = Value>) -> Vec<Arc<K>> {
    values.into_iter().map(|value| Arc::new(serde_json::from_value(value).unwrap())).collect()
}

/// The world under these policies: namespace and spec.
pub fn cluster(policies: &[(&str, Value)]) -> Cluster {
    let namespaces = ["shop", "bank"].map(|name| json!({"metadata": {"name": name, "labels": {"team": name}}}));
    let policies = policies.iter().enumerate().map(
        |(number, (ns, spec))| json!({"metadata": {"name": format!("policy-{number}"), "namespace": ns}, "spec": spec}),
    );
    Cluster { pods: of_values(pods()), namespaces: of_values(namespaces), policies: of_values(policies) }
}

/// Checks each row, such as `shop/web > shop/db:5432 passes`: a pod or an address, a pod or an address, a port (with `/udp` or `/sctp`
/// if it is not TCP's), `passes` or `drops`, and `established` for a packet of a connection that passed before.
/// `shop/web.6` is the pod's address of IPv6.
#[track_caller]
pub fn check(policies: &[(&str, Value)], rows: &str) {
    let cluster = cluster(policies);
    let wrong: Vec<_> = rows.lines().map(str::trim).filter(|row| !row.is_empty() && !holds(&cluster, row)).collect();
    let rulesets = NODES.map(|(node, _)| ruleset(&cluster, node));
    assert!(wrong.is_empty(), "not so:\n{}\nunder\n{}", wrong.join("\n"), rulesets.join("\n"));
}

fn holds(cluster: &Cluster, row: &str) -> bool {
    let words: Vec<_> = row.split_whitespace().collect();
    let [from, ">", target, verdict @ ("passes" | "drops"), rest @ ..] = &words[..] else { panic!("`{row}`") };
    let protocols = ["udp", "sctp", "icmp"];
    let split = target.rsplit_once('/').filter(|(_, protocol)| protocols.contains(protocol));
    let (target, protocol) = split.unwrap_or((target, "tcp"));
    let (to, port) = target.rsplit_once(':').unwrap();
    let ((from, from_node), (to, to_node)) = (end(from), end(to));
    let packet = Packet { from, to, protocol, port: port.parse().unwrap(), is_established: rest == ["established"] };
    let mut passes = true;
    for (node, address) in NODES {
        let address: IpAddr = address.parse().unwrap();
        // What a node sends to its own pods, or receives from them, is not forwarded.
        let is_own = from == address || to == address;
        if !is_own && (from_node == Some(node) || to_node == Some(node)) {
            passes &= forwards(&ruleset(cluster, node), &packet);
        }
    }
    passes == (*verdict == "passes")
}

/// The address of an end of a row, and its node.
fn end(text: &str) -> (IpAddr, Option<&'static str>) {
    if let Ok(address) = text.parse() {
        return (address, None);
    }
    if let Some((name, address)) = NODES.iter().find(|(name, _)| *name == text) {
        return (address.parse().unwrap(), Some(name));
    }
    let (name, index) = text.strip_suffix(".6").map_or((text, 0), |name| (name, 1));
    let pods = pods();
    let is_it = |pod: &&Value| {
        name.split_once('/') == pod["metadata"]["namespace"].as_str().zip(pod["metadata"]["name"].as_str())
    };
    let pod = pods.iter().find(is_it).unwrap_or_else(|| panic!("no pod/{name}"));
    let address = pod["status"]["podIPs"][index]["ip"].as_str().unwrap().parse().unwrap();
    (address, NODES.iter().map(|(name, _)| *name).find(|node| pod["spec"]["nodeName"] == *node))
}
