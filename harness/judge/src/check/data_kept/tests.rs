use super::*;
use crate::Verdict::{Advice, Fail, NotApplicable, Pass};
use crate::testing::{check, examples, rendering, upgrading};

const CHECK: &Check = &DATA_KEPT;

fn claim(name: &str, annotations: &str) -> String {
    format!("---\nkind: PersistentVolumeClaim\nmetadata: {{name: {name}, annotations: {annotations}}}\n")
}

fn set(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: {name}}}\nspec: {{volumeClaimTemplates: [{{metadata: {{name: data}}}}]{spec}}}\n"
    )
}

/// A failure would mean that an upgrade which loses what users had stored is accepted.
#[test]
fn an_upgrade_must_not_remove_a_claim() {
    let good = upgrading(&claim("cg-data", "{}"), &claim("cg-data", "{}"));
    let bad = upgrading(&claim("cg-data", "{}"), &claim("cg-web-data", "{}"));
    let says = "the upgrade removes persistentvolumeclaim/cg-data, which has no `helm.sh/resource-policy: keep`, and the new version starts on an empty persistentvolumeclaim/cg-web-data";
    check(CHECK, &bad, Fail, says);
    let kept = claim("cg-data", "{helm.sh/resource-policy: keep}");
    check(CHECK, &upgrading(&kept, &claim("cg-web-data", "{}")), Pass, "");
    examples(&DATA_KEPT, &good, &bad);
}

/// A failure would mean that a promise of the contract, or a switch of the step's own values, is taken for a loss.
#[test]
fn what_the_contract_retains_and_what_values_switch_off_is_left_alone() {
    let bad = || upgrading(&claim("cg-data", "{}"), &claim("cg-web-data", "{}"));
    let retained = bad().plan(|plan| plan.leaves = vec!["PersistentVolumeClaim/cg-*".to_owned()]);
    check(CHECK, &retained, Pass, "");
    let switched = bad().plan(|plan| plan.steps[1].values = serde_json::json!({"persistence": {"enabled": false}}));
    check(CHECK, &switched, Pass, "");
}

/// A failure would mean that a database which starts empty under a new name is accepted.
#[test]
fn an_upgrade_must_not_rename_a_set_with_claims() {
    check(
        CHECK,
        &upgrading(&set("cg-db", ""), &set("cg-postgresql", "")),
        Fail,
        "statefulset/cg-postgresql starts on empty ones",
    );
    check(
        CHECK,
        &upgrading(&set("cg-db", ""), &claim("cg-data", "{}")),
        Fail,
        "(persistentvolumeclaim/data-cg-db-0) stay behind",
    );
    check(CHECK, &upgrading(&set("cg-db", ""), "kind: Service\nmetadata: {name: cg}\n"), Advice, "stay behind");
    let deleted = set("cg-db", ", persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}");
    check(CHECK, &upgrading(&deleted, "kind: Service\nmetadata: {name: cg}\n"), Fail, "are deleted with it");
}

/// A failure would mean that a claim which helm deletes at each upgrade is accepted.
#[test]
fn a_claim_must_not_be_a_hook_that_is_made_again() {
    let hook = |events: &str, policy: &str| {
        rendering(&claim("cg-data", &format!("{{helm.sh/hook: '{events}', helm.sh/hook-delete-policy: '{policy}'}}")))
    };
    check(
        CHECK,
        &hook("pre-install,pre-upgrade", ""),
        Fail,
        "is a hook (pre-install, pre-upgrade) that helm deletes and makes again",
    );
    check(CHECK, &hook("pre-install", "hook-succeeded"), Fail, "as soon as it has succeeded");
    check(CHECK, &hook("pre-install", "before-hook-creation"), Advice, "the next install of the same name deletes");
    check(CHECK, &hook("pre-install", "hook-failed"), Pass, "");
    check(CHECK, &hook("test", ""), Pass, "");
}

/// A failure would mean that a chart without data is asked for it.
#[test]
fn a_chart_without_claims_has_nothing_to_keep() {
    check(CHECK, &rendering("kind: Service\nmetadata: {name: cg}\n"), NotApplicable, "no claim");
}
