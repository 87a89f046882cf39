//! What a contract says of the network and of what stays.

use super::*;
use chartgate_model::plan::Look;

/// A failure would mean that the harness asks as somebody else than those whom the contract lets ask, or forgets what may stay.
#[test]
fn a_contract_says_who_may_ask_and_what_stays() {
    let network = "network: {from: {namespace: 'edge=yes', pods: 'app=proxy, tier=front'}, ports: [metrics, 9090]}";
    let contract = CONTRACT_TEXT.replace("ready: /readyz", &format!("ready: /readyz, {network}"));
    let contract = format!("{contract}leaves: ['PersistentVolumeClaim/data-{{{{release}}}}-*', Secret]\n");
    let scenario = "description: x\nsteps: [{install: {}}]\n";
    let plan = Files::new("network", &contract, scenario).load().unwrap();
    let network = plan.roles["web"].serves.as_ref().and_then(|serves| serves.network.clone()).unwrap();
    assert_eq!(network.ports, ["metrics", "9090"]);
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let peers = plan.peers().next().unwrap();
    assert_eq!(peers.namespace, [label("edge", "yes")].into());
    assert_eq!(peers.pods, [label("app", "proxy"), label("tier", "front")].into());
    assert_eq!(plan.leaves, ["PersistentVolumeClaim/data-pooler-*", "Secret"]);
}

/// A failure would mean that a contract which the harness cannot keep is found out on the cluster.
#[test]
fn peers_that_the_harness_cannot_be_are_refused() {
    let scenario = "description: x\nsteps: [{install: {}}]\n";
    for (peers, says) in [
        ("namespace: 'kubernetes.io/metadata.name=ingress'", "is the name of one namespace"),
        ("namespace: '', pods: 'app=proxy'", "hint: write `namespace: KEY=VALUE`"),
    ] {
        let serves = format!("ready: /readyz, network: {{from: {{{peers}}}}}");
        let refusal = Files::new("peers", &CONTRACT_TEXT.replace("ready: /readyz", &serves), scenario).refusal();
        assert!(refusal.contains(says), "{refusal}");
    }
    let of = |label: &str| format!("serves: {{port: 1, ready: /, network: {{from: {{namespace: '{label}'}}}}}}");
    let contract = format!(
        "chart: chart\nroles:\n  a: {{select: role=a, {}}}\n  b: {{select: role=b, {}}}\n",
        of("edge=yes"),
        of("edge=no")
    );
    let refusal = Files::new("peers", &contract, scenario).refusal();
    assert!(refusal.contains("the label `edge` is to be `yes` and `no`"), "{refusal}");
}

/// A failure would mean that a scenario which exists to prove something proves nothing, because its name has a typing slip.
#[test]
fn a_check_to_prove_that_is_none_is_refused() {
    let scenario = "description: x\nproves: [role-serves, rolback-serves]\nsteps: [{install: {}}]\n";
    let refusal = Files::new("proves", CONTRACT_TEXT, scenario).refusal();
    assert!(refusal.contains("case.yaml:2:23") && refusal.contains("did you mean `rollback-serves`?"), "{refusal}");
    let plan = Files::new("proves", CONTRACT_TEXT, &scenario.replace("rolb", "rollb")).load().unwrap();
    assert_eq!(plan.proves, ["role-serves", "rollback-serves"]);
}

/// A failure would mean that a contract accepts a harm that there is not, and the one that is meant is not accepted.
#[test]
fn an_accepted_operator_that_is_none_is_refused() {
    let scenario = "description: x\nsteps: [{install: {}}]\n";
    let contract = |operator: &str| format!("{CONTRACT_TEXT}survives: [{{operator: {operator}, reason: why}}]\n");
    let refusal = Files::new("survives", &contract("pre-stop-remved"), scenario).refusal();
    assert!(refusal.contains("did you mean `pre-stop-removed`?"), "{refusal}");
    let plan = Files::new("survives", &contract("pre-stop-removed"), scenario).load().unwrap();
    assert_eq!(plan.survives[0].operator, "pre-stop-removed");
}

/// A failure would mean that a hook's effect is looked for where it cannot be, or in two places.
#[test]
fn an_effect_is_looked_at_in_one_place() {
    let scenario = "description: x\nsteps: [{install: {}}]\n";
    let contract = |effect: &str| {
        format!(
            "chart: chart\nbacking: {{postgres: {{}}, redis: {{}}}}\nhooks:\n  h:\n    select: a=b\n    events: [pre-install]\n    effects: {{made: {{{effect}, shows: [x]}}}}\n"
        )
    };
    for (effect, look) in [
        (
            "pods: 'of={{release}}', command: [show]",
            Look::Pod { pods: "of=pooler".to_owned(), command: vec!["show".to_owned()] },
        ),
        (
            "server: redis, command: [show]",
            Look::Server { server: "redis".to_owned(), command: vec!["show".to_owned()] },
        ),
        (
            "database: postgres, query: SELECT 1",
            Look::Database { database: "postgres".to_owned(), query: "SELECT 1".to_owned() },
        ),
    ] {
        let plan = Files::new("effects", &contract(effect), scenario).load().unwrap();
        assert_eq!(plan.hooks["h"].effects["made"].look, look);
    }
    for (effect, says) in [
        ("command: [show]", "write one of `pods`, `server` and `database`"),
        ("pods: a=b, database: postgres, query: SELECT 1", "write one of `pods`, `server` and `database`"),
        ("pods: a=b", "write a `command`, and no `query`"),
        ("server: redis, query: SELECT 1", "write a `command`, and no `query`"),
        ("database: postgres, command: [show]", "write a `query`, and no `command`"),
        ("database: redis, query: SELECT 1", "unknown database `redis`"),
        ("server: postgres, command: [show]", "unknown server `postgres`"),
    ] {
        let refusal = Files::new("effects", &contract(effect), scenario).refusal();
        assert!(refusal.contains(says), "{effect}: {refusal}");
    }
}
