use chartgate_model::recording::Variant;
use serde_json::json;

use super::*;
use crate::Verdict::{Advice, NotApplicable, Pass};
use crate::testing::{Story, check, examples, rendering};

const CHECK: &Check = &RENDER_STABLE;

fn again(annotations: &str, change: impl Fn(&mut Value)) -> Story {
    let secret = format!("kind: Secret\nmetadata: {{name: cg, annotations: {annotations}}}\ndata: {{password: one}}\n");
    rendering(&secret).varied(Variant::Repeated, change)
}

/// A failure would mean that a password which changes with each synchronisation goes unnoticed, or that of a hook is told.
#[test]
fn what_is_random_is_told() {
    let good = again("{}", |_| ());
    let bad = again("{}", |object| object["data"]["password"] = json!("two"));
    check(CHECK, &bad, Advice, "`data.password` of secret/cg differs between two renders");
    check(
        CHECK,
        &again("{helm.sh/hook: pre-install}", |object| object["data"]["password"] = json!("two")),
        NotApplicable,
        "",
    );
    check(
        CHECK,
        &again("{}", |object| object["metadata"]["name"] = json!("cg-x7")),
        Advice,
        "secret/cg has another name in each render",
    );
    check(CHECK, &rendering("kind: Secret\nmetadata: {name: cg}\n"), NotApplicable, "not rendered twice");
    check(CHECK, &good, Pass, "");
    examples(&RENDER_STABLE, &good, &bad);
}
