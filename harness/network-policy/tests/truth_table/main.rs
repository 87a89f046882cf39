//! What the API promises of `NetworkPolicy`, row by row: for each ruleset, which packets pass.

#![expect(clippy::unwrap_used, reason = "what is wrong in the world or in a row ends the test")]
#![expect(clippy::needless_pass_by_value, reason = "policies are written where they are passed")]

mod kernel;
mod world;

use serde_json::{Value, json};

use world::check;

fn deny(types: &[&str]) -> Value {
    json!({"podSelector": {}, "policyTypes": types})
}

/// A policy for the pods of one application with one rule of ingress.
fn to_app(app: &str, rule: Value) -> Value {
    json!({"podSelector": {"matchLabels": {"app": app}}, "ingress": [rule]})
}

/// A policy for the pods of one application with one rule of egress.
fn from_app(app: &str, rule: Value) -> Value {
    json!({"podSelector": {"matchLabels": {"app": app}}, "policyTypes": ["Egress"], "egress": [rule]})
}

/// Fails if pods are cut off that no policy is about.
#[test]
fn without_policies_all_passes() {
    check(&[], "shop/web > shop/db:5432 passes\n 192.0.2.1 > shop/web:80 passes\n shop/web > 192.0.2.1:443 passes");
}

/// Fails if a deny-all denies nothing, denies more than its direction, or reaches over its namespace.
#[test]
fn a_deny_all_isolates_its_namespace_in_its_direction() {
    check(
        &[("shop", deny(&["Ingress"]))],
        "shop/web > shop/db:5432 drops
         bank/web > shop/db:5432 drops
         192.0.2.1 > shop/web:80 drops
         shop/cache > shop/web:8080 drops
         shop/web > shop/db:1/icmp drops
         shop/web.6 > shop/db.6:5432 drops
         shop/web > bank/web:9090 passes
         shop/web > 192.0.2.1:443 passes
         bank/db > bank/web:9090 passes",
    );
    check(
        &[("shop", deny(&["Egress"]))],
        "shop/web > shop/db:5432 drops
         shop/web > bank/web:9090 drops
         shop/web > 192.0.2.1:443 drops
         shop/web > 192.0.2.1:53/udp drops
         shop/web.6 > 2001:db8::1:443 drops
         bank/web > shop/db:5432 passes
         192.0.2.1 > shop/web:80 passes",
    );
    let both = "shop/web > 192.0.2.1:443 drops\n 192.0.2.1 > shop/web:80 drops\n bank/db > bank/web:1 passes";
    check(&[("shop", deny(&["Ingress", "Egress"]))], both);
}

/// Fails if an answer is taken for a new connection, or a new policy cuts off connections that were let pass.
#[test]
fn established_connections_go_on() {
    check(
        &[("shop", deny(&["Ingress", "Egress"]))],
        "shop/db > shop/web:40000 passes established
         192.0.2.1 > shop/web:40000 passes established
         192.0.2.1 > shop/web:40000 drops",
    );
}

/// Fails if a kubelet's probe is dropped, or a pod may not speak with itself or with its node: no policy can forbid these.
#[test]
fn the_own_node_and_the_pod_itself_always_pass() {
    check(
        &[("shop", deny(&["Ingress", "Egress"]))],
        "node-1 > shop/web:8080 passes
         shop/web > node-1:10250 passes
         shop/web > shop/web:8080 passes
         shop/web.6 > shop/web.6:8080 passes
         node-2 > shop/web:8080 drops
         shop/web > node-2:10250 drops",
    );
}

/// Fails if pods in the node's network are isolated, though their address is the node's.
#[test]
fn pods_in_the_nodes_network_are_exempt() {
    let policy =
        ("shop", json!({"podSelector": {"matchLabels": {"app": "agent"}}, "policyTypes": ["Ingress", "Egress"]}));
    check(&[policy], "shop/db > shop/agent:8080 passes\n shop/agent > shop/db:5432 passes");
}

/// Fails if a pod that ended, or is about to, still counts for the address that another pod has now, as isolated or as a peer.
#[test]
fn an_address_is_the_running_pods() {
    let policy = |app: &str| ("shop", json!({"podSelector": {"matchLabels": {"app": app}}}));
    check(&[policy("done"), policy("leaving")], "shop/db > shop/web:8080 passes\n shop/db > shop/cache:6379 passes");
    check(&[policy("cache")], "shop/db > shop/cache:6379 drops");
    let from_done = to_app("db", json!({"from": [{"podSelector": {"matchLabels": {"app": "done"}}}]}));
    check(&[("shop", from_done)], "shop/web > shop/db:5432 drops");
}

/// Fails if the types of a policy that names none are not those that the API fills in.
#[test]
fn types_follow_from_the_rules_where_none_are_named() {
    check(
        &[("shop", json!({"podSelector": {}, "egress": []}))],
        "shop/web > 192.0.2.1:443 passes\n 192.0.2.1 > shop/web:80 drops",
    );
    check(
        &[("shop", json!({"podSelector": {}, "egress": [{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}]}))],
        "shop/web > 192.0.2.1:443 passes\n shop/web > 198.51.100.1:443 drops\n 192.0.2.1 > shop/web:80 drops",
    );
    // Rules of a direction that is not named mean nothing.
    let egress_only = json!({"podSelector": {}, "policyTypes": ["Egress"], "ingress": [{}], "egress": [{}]});
    check(
        &[("shop", deny(&["Ingress"])), ("shop", egress_only)],
        "bank/web > shop/db:5432 drops\n shop/web > 192.0.2.1:1 passes",
    );
}

/// Fails if "nobody" (no rule) and "everybody" (a rule without conditions, or with empty lists) are confused.
#[test]
fn no_rule_means_nobody_and_an_empty_one_everybody() {
    check(&[("shop", json!({"podSelector": {}, "ingress": []}))], "bank/web > shop/db:5432 drops");
    for rule in [json!({}), json!({"from": []}), json!({"ports": []}), json!({"from": [], "ports": []})] {
        check(
            &[("shop", to_app("db", rule))],
            "bank/web > shop/db:5432 passes
             192.0.2.1 > shop/db:53/udp passes
             shop/web.6 > shop/db.6:5432 passes",
        );
    }
}

/// Fails if a policy selects other pods than its selector says: all, by labels, by expressions.
#[test]
fn selectors_choose_the_isolated_pods() {
    let only = |selector: Value| ("shop", json!({"podSelector": selector}));
    let db_alone = "bank/web > shop/db:5432 drops\n bank/web > shop/web:8080 passes\n bank/web > shop/cache:1 passes";
    check(&[only(json!({"matchLabels": {"app": "db"}}))], db_alone);
    check(&[only(json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["db"]}]}))], db_alone);
    let not_in = json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web", "cache"]}]});
    check(&[only(not_in)], db_alone);
    let absent = json!({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]});
    check(&[only(absent)], "bank/web > shop/db:5432 passes");
    let both = json!({"matchLabels": {"app": "db"}, "matchExpressions": [{"key": "tier", "operator": "Exists"}]});
    check(&[only(both)], "bank/web > shop/db:5432 passes");
}

/// Fails if peers are looked for in the wrong namespaces, or if two selectors in one peer are taken for two peers.
#[test]
fn peers_are_pods_of_namespaces() {
    let web = json!({"matchLabels": {"app": "web"}});
    let bank = json!({"matchLabels": {"team": "bank"}});
    let from = |peers: Value| [("shop", to_app("db", json!({"from": peers})))];
    let rows = |passes: [&str; 4]| {
        let sources = ["shop/web", "shop/cache", "bank/web", "bank/db"];
        let rows = sources.iter().zip(passes).map(|(from, verdict)| format!("{from} > shop/db:5432 {verdict}"));
        rows.collect::<Vec<_>>().join("\n")
    };
    let (passes, drops) = ("passes", "drops");
    check(&from(json!([{"podSelector": web}])), &rows([passes, drops, drops, drops]));
    check(&from(json!([{"podSelector": {}}])), &rows([passes, passes, drops, drops]));
    check(&from(json!([{"namespaceSelector": bank}])), &rows([drops, drops, passes, passes]));
    check(&from(json!([{"namespaceSelector": {}}])), &rows([passes; 4]));
    check(&from(json!([{"namespaceSelector": bank, "podSelector": web}])), &rows([drops, drops, passes, drops]));
    check(&from(json!([{"namespaceSelector": bank}, {"podSelector": web}])), &rows([passes, drops, passes, passes]));
    check(&from(json!([{"namespaceSelector": {}, "podSelector": web}])), &rows([passes, drops, passes, drops]));
    // Selected peers are pods, never the world around them.
    check(&from(json!([{"namespaceSelector": {}}])), "192.0.2.1 > shop/db:5432 drops\n node-1 > shop/db:5432 drops");
}

/// Fails if a block lets those pass that it excepts, or loses a family.
#[test]
fn blocks_hold_less_what_they_except() {
    let block =
        json!({"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.128/25", "192.0.2.7/32", "192.0.2.6/31"]}});
    check(
        &[("shop", to_app("web", json!({"from": [block]})))],
        "192.0.2.1 > shop/web:80 passes
         192.0.2.7 > shop/web:80 drops
         192.0.2.200 > shop/web:80 drops
         198.51.100.1 > shop/web:80 drops
         shop/db > shop/web:80 drops
         2001:db8::1 > shop/web.6:80 drops",
    );
    check(
        &[("shop", from_app("web", json!({"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]})))],
        "shop/web > 192.0.2.1:443 passes\n shop/web > shop/db:5432 drops\n shop/web.6 > 2001:db8::1:443 drops",
    );
    check(
        &[(
            "shop",
            from_app("web", json!({"to": [{"ipBlock": {"cidr": "2001:db8::/32", "except": ["2001:db8:1::/48"]}}]})),
        )],
        "shop/web.6 > 2001:db8::1:443 passes\n shop/web.6 > 2001:db8:1::1:443 drops\n shop/web > 192.0.2.1:443 drops",
    );
    let pods_too = json!({"from": [{"ipBlock": {"cidr": "10.244.0.0/24"}}]});
    check(&[("shop", to_app("db", pods_too))], "shop/web > shop/db:5432 passes\n bank/web > shop/db:5432 drops");
}

/// Fails if a block that cannot be read opens anything: what it excepts is then unknown too.
#[test]
fn a_block_that_cannot_be_read_lets_nobody_pass() {
    for block in
        [json!({"cidr": "192.0.2.0"}), json!({"cidr": "192.0.2.0/33"}), json!({"cidr": "0.0.0.0/0", "except": ["x"]})]
    {
        let rule = json!({"from": [{"ipBlock": block}]});
        check(&[("shop", to_app("web", rule))], "192.0.2.1 > shop/web:80 drops");
    }
}

/// Fails if a port is open for another protocol, a range ends too early or too late, or a port without a number is no port.
#[test]
fn ports_are_numbers_and_ranges_of_a_protocol() {
    let ports = json!([
        {"port": 80}, {"port": 53, "protocol": "UDP"}, {"port": 3868, "protocol": "SCTP"},
        {"port": 9000, "endPort": 9010}, {"port": 7000, "endPort": 7000}
    ]);
    check(
        &[("shop", to_app("web", json!({"ports": ports})))],
        "192.0.2.1 > shop/web:80 passes
         shop/db.6 > shop/web.6:80 passes
         192.0.2.1 > shop/web:80/udp drops
         192.0.2.1 > shop/web:53/udp passes
         192.0.2.1 > shop/web:53 drops
         192.0.2.1 > shop/web:3868/sctp passes
         192.0.2.1 > shop/web:8999 drops
         192.0.2.1 > shop/web:9000 passes
         192.0.2.1 > shop/web:9010 passes
         192.0.2.1 > shop/web:9011 drops
         192.0.2.1 > shop/web:7000 passes
         192.0.2.1 > shop/web:7001 drops",
    );
    check(
        &[("shop", to_app("web", json!({"ports": [{"protocol": "UDP"}]})))],
        "192.0.2.1 > shop/web:1/udp passes\n 192.0.2.1 > shop/web:80 drops",
    );
    check(
        &[("shop", to_app("web", json!({"ports": [{}]})))],
        "192.0.2.1 > shop/web:1 passes\n 192.0.2.1 > shop/web:1/udp drops",
    );
}

/// Fails if a named port is looked up in the wrong pod: it is the receiver's, in either direction.
#[test]
fn named_ports_are_the_receivers() {
    let named = |name: &str| json!({"ports": [{"port": name}]});
    check(
        &[("shop", to_app("web", named("http")))],
        "shop/cache > shop/web:8080 passes\n shop/cache > shop/web:6379 drops\n shop/web > shop/cache:1 passes",
    );
    check(
        &[("shop", to_app("web", json!({"ports": [{"port": "dns", "protocol": "UDP"}]})))],
        "192.0.2.1 > shop/web:5353/udp passes\n 192.0.2.1 > shop/web:5353 drops",
    );
    check(
        &[("shop", to_app("web", named("dns")))],
        "192.0.2.1 > shop/web:5353/udp drops\n 192.0.2.1 > shop/web:5353 drops",
    );
    check(
        &[("shop", to_app("db", named("metrics")))],
        "shop/web > shop/db:9187 passes\n shop/web > shop/db:5432 drops",
    );
    check(&[("shop", to_app("db", named("setup")))], "shop/web > shop/db:7000 drops");
    check(
        &[("shop", from_app("db", named("http")))],
        "shop/db > shop/web:8080 passes
         shop/db.6 > shop/web.6:8080 passes
         shop/db > shop/cache:6379 passes
         shop/db > shop/cache:8080 drops
         shop/db > bank/web:9090 passes
         shop/db > 192.0.2.1:8080 drops",
    );
    let near = json!({"to": [{"podSelector": {}}], "ports": [{"port": "http"}]});
    check(&[("shop", from_app("db", near))], "shop/db > shop/web:8080 passes\n shop/db > bank/web:9090 drops");
    let block = json!({"to": [{"ipBlock": {"cidr": "10.244.0.0/16", "except": ["10.244.0.4/32"]}}], "ports": [{"port": "http"}]});
    check(
        &[("shop", from_app("db", block))],
        "shop/db > shop/web:8080 passes\n shop/db > shop/cache:6379 drops\n shop/db > bank/web:9090 passes",
    );
}

/// Fails if a rule's peers and ports are not both required, or if rules and policies take from each other.
#[test]
fn conditions_of_a_rule_add_up_and_rules_are_alternatives() {
    let web_to_pg =
        to_app("db", json!({"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 5432}]}));
    let bank_to_all = to_app("db", json!({"from": [{"namespaceSelector": {"matchLabels": {"team": "bank"}}}]}));
    check(
        &[("shop", deny(&["Ingress"])), ("shop", web_to_pg), ("shop", bank_to_all), ("bank", to_app("db", json!({})))],
        "shop/web > shop/db:5432 passes
         shop/web > shop/db:5433 drops
         shop/cache > shop/db:5432 drops
         bank/web > shop/db:5433 passes
         bank/web > shop/web:8080 drops
         shop/cache > bank/db:1 passes",
    );
}

/// Fails if one end's permission is enough: the sender's egress and the receiver's ingress must both let a packet pass.
#[test]
fn both_ends_must_agree() {
    let out = ("shop", from_app("web", json!({"to": [{"podSelector": {"matchLabels": {"app": "db"}}}]})));
    let into = |app: &str| ("shop", to_app("db", json!({"from": [{"podSelector": {"matchLabels": {"app": app}}}]})));
    check(&[out.clone(), into("web")], "shop/web > shop/db:5432 passes\n shop/cache > shop/db:5432 drops");
    check(&[out.clone(), into("cache")], "shop/web > shop/db:5432 drops\n shop/cache > shop/db:5432 passes");
    check(&[out, into("web")], "shop/web > shop/cache:6379 drops");
}

/// Fails if pods under an egress policy cannot resolve names though the policy says that they may.
#[test]
fn dns_passes_where_a_policy_names_its_port() {
    let dns = json!({"to": [{"namespaceSelector": {"matchLabels": {"team": "bank"}}}], "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53}]});
    check(
        &[("shop", deny(&["Egress"])), ("shop", from_app("web", dns))],
        "shop/web > bank/web:53/udp passes
         shop/web > bank/web:53 passes
         shop/web > bank/web:80 drops
         shop/web > 192.0.2.1:53/udp drops
         bank/web > shop/web:40000/udp passes established",
    );
}

/// Fails if a ruleset grows with the cluster instead of with what runs on the node, or changes though nothing did.
#[test]
fn a_node_has_chains_for_its_own_pods_in_a_steady_order() {
    let mut cluster = world::cluster(&[("shop", deny(&["Ingress"]))]);
    let before = chartgate_network_policy::ruleset(&cluster, "node-1");
    assert!(before.contains("chain ingress-shop-web") && !before.contains("chain ingress-shop-db"), "{before}");
    cluster.pods.reverse();
    assert_eq!(chartgate_network_policy::ruleset(&cluster, "node-1"), before);
}
