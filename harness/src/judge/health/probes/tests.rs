use serde_json::json;

use super::*;
use crate::judge::Verdict;
use crate::judge::testing::{Story, check, examples, named};

fn liveness(probe: &Value) -> Story {
    Story::good().edit(named("Deployment", "cg-app"), |deployment| {
        deployment["spec"]["template"]["spec"]["containers"][0]["livenessProbe"] = probe.clone();
    })
}

/// A failure would mean that nobody is told of pods that a missing database restarts.
#[test]
fn liveness_that_asks_what_readiness_asks_is_advised_against() {
    let same = json!({"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 30});
    check(
        &PROBE_INDEPENDENCE,
        &liveness(&same),
        Verdict::Advice,
        "container `app` of Deployment `cg-app` is restarted",
    );
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
