use chartgate_model::recording::Variant;
use serde_json::{Value, json};

use super::*;
use crate::Verdict::{Advice, Fail, NotApplicable, Pass};
use crate::testing::{Story, check, examples, rendering};

const CHECK: &Check = &NAMES_FIT;

/// A failure would mean that a chart of which helm can make only a part is accepted.
#[test]
fn two_objects_of_one_kind_must_not_share_a_name() {
    let twice = "kind: Service\nmetadata: {name: cg}\n---\nkind: Service\nmetadata: {name: cg}\n";
    check(CHECK, &rendering(twice), Fail, "2 objects get the name service/cg: all but one are refused");
    check(
        CHECK,
        &rendering("kind: Service\nmetadata: {name: cg}\n---\nkind: Secret\nmetadata: {name: cg}\n"),
        Pass,
        "",
    );
    let hook = "kind: Job\nmetadata: {name: cg, annotations: {helm.sh/hook: pre-install}}\n---\n".repeat(2);
    check(CHECK, &rendering(&hook), NotApplicable, "");
}

/// The Services `cg-a` and `cg-b`, and how they are called under a release name of 53 characters.
fn services(long: [&str; 2]) -> Story {
    let manifest = "kind: Service\nmetadata: {name: cg-a}\n---\nkind: Service\nmetadata: {name: cg-b}\n";
    let renamed = |object: &mut Value| {
        let index = usize::from(object["metadata"]["name"] == "cg-b");
        object["metadata"]["name"] = json!(long[index]);
    };
    rendering(manifest).varied(Variant::Release { name: "c".repeat(53) }, renamed)
}

/// A failure would mean that a long release name makes two objects one, and nobody is told.
#[test]
fn names_that_are_cut_stay_apart() {
    let (good, bad) = (services(["cc-a", "cc-b"]), services(["cc", "cc"]));
    check(
        CHECK,
        &bad,
        Fail,
        "2 objects get the name service/cc where the release's name has 53 characters, the most that helm takes",
    );
    check(
        CHECK,
        &services(["cc", &"c".repeat(64)]),
        Advice,
        "has 64 characters where the release's name has 53 characters, the most that helm takes, and 63 are allowed",
    );
    examples(&NAMES_FIT, &good, &bad);
}
