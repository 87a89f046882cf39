use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, examples, named};

fn liveness(probe: &Value) -> Story {
    Story::good().edit(named("Deployment", "cg-app"), |deployment| {
        deployment["spec"]["template"]["spec"]["containers"][0]["livenessProbe"] = probe.clone();
    })
}

/// A failure would mean that nobody is told of pods that a missing database restarts.
#[test]
fn liveness_that_asks_what_readiness_asks_is_advised_against() {
    let same = json!({"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 30});
    check(&PROBE_INDEPENDENCE, &liveness(&same), Verdict::Advice, "container `app` of deployment/cg-app is restarted");
}

/// A failure would mean that a file server, an exporter or a database is told to ask something else, though one question is right.
#[test]
fn where_no_other_server_can_be_missing_one_question_is_right() {
    for probe in [
        json!({"httpGet": {"path": "/", "port": 80}}),
        json!({"httpGet": {"path": "/metrics", "port": 80}}),
        json!({"httpGet": {"path": "/livez", "port": 80}}),
        json!({"exec": {"command": ["pg_isready"]}}),
    ] {
        check(&PROBE_INDEPENDENCE, &both(&probe), Verdict::Pass, "");
    }
    let exporter =
        both(&json!({"httpGet": {"path": "/health", "port": 80}})).edit(named("Deployment", "cg-app"), |deployment| {
            deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!("reg.example/database-exporter:1");
        });
    check(&PROBE_INDEPENDENCE, &exporter, Verdict::Pass, "");
    let alone =
        both(&json!({"httpGet": {"path": "/health", "port": 80}})).edit(named("Deployment", "cg-app"), |deployment| {
            deployment["spec"]["template"]["spec"]["containers"][0]["env"] = json!([]);
        });
    check(&PROBE_INDEPENDENCE, &alone, Verdict::Pass, "");
}

fn both(probe: &Value) -> Story {
    liveness(probe).edit(named("Deployment", "cg-app"), |deployment| {
        deployment["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = probe.clone();
    })
}

/// A failure would mean that advice is given where nothing can be restarted.
#[test]
fn without_liveness_it_does_not_apply() {
    check(&PROBE_INDEPENDENCE, &liveness(&Value::Null), Verdict::NotApplicable, "no container");
    let connection = json!({"tcpSocket": {"port": "http"}});
    check(&PROBE_INDEPENDENCE, &liveness(&connection), Verdict::NotApplicable, "no container");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = liveness(&json!({"httpGet": {"path": "/readyz", "port": "http"}}));
    examples(&PROBE_INDEPENDENCE, &Story::good(), &failing);
}
