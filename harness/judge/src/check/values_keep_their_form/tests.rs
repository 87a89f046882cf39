use super::*;
use crate::Verdict::{Fail, NotApplicable, Pass};
use crate::testing::{check, examples, rendering};

const CHECK: &Check = &VALUES_KEEP_THEIR_FORM;

fn limit(value: &str) -> String {
    format!("kind: ConfigMap\nmetadata: {{name: cg}}\ndata:\n  LIMIT: {value}\n")
}

fn pod(setting: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: cg}}\nspec: {{template: {{spec: {{containers: [{{name: web, {setting}}}]}}}}}}\n"
    )
}

/// A failure would mean that a limit which the application cannot read is accepted.
#[test]
fn a_large_number_keeps_its_digits() {
    let (good, bad) = (rendering(&limit("'10485760'")), rendering(&limit("'1.048576e+07'")));
    check(CHECK, &bad, Fail, "data.LIMIT of configmap/cg has `1.048576e+07`, which is 10485760 in scientific notation");
    for value in ["'max: 2e+06'", "\"a=1\\nb=1.5e+09\""] {
        check(CHECK, &rendering(&limit(value)), Fail, "in scientific notation");
    }
    for value in ["'1e6'", "'100000'", "'sha1.5e+07x'", "'1.5e+00'", "'15e+07'", "'1e-07'"] {
        check(CHECK, &rendering(&limit(value)), Pass, "");
    }
    examples(&VALUES_KEEP_THEIR_FORM, &good, &bad);
}

/// A failure would mean that an object which the API server refuses is accepted.
#[test]
fn a_text_stays_a_text() {
    for (setting, says) in [
        ("env: [{name: DEBUG, value: yes}]", "`env` `DEBUG` of container `web` of deployment/cg is a boolean (`true`)"),
        ("env: [{name: ID, value: 010}]", "is a number (`8`)"),
        ("args: [--port, 8080]", "`args` of container `web` of deployment/cg is a number (`8080`)"),
    ] {
        check(CHECK, &rendering(&pod(setting)), Fail, says);
    }
    check(
        CHECK,
        &rendering("kind: Service\nmetadata: {name: cg, labels: {version: 1.10}}\n"),
        Fail,
        "metadata.labels.version of service/cg is a number",
    );
    for setting in ["env: [{name: DEBUG, value: 'yes'}]", "env: [{name: EMPTY, value: }]", "args: ['8080']"] {
        check(CHECK, &rendering(&pod(setting)), Pass, "");
    }
    check(CHECK, &rendering("kind: Service\nmetadata: {name: cg}\n"), NotApplicable, "");
}

/// A failure would mean that a number which the author wrote so, such as the limit of a histogram, is taken for a spoilt one.
#[test]
fn what_the_chart_itself_writes_is_meant() {
    let written = |numbers: &[&str]| {
        let numbers = numbers.iter().map(|number| (*number).to_owned()).collect();
        let story = rendering(&limit("'le: [1e+06, 2.5e+07]'"));
        story.before(|moment| matches!(moment, Moment::Ended), Moment::NumbersWritten { numbers })
    };
    check(CHECK, &written(&["1e+06", "2.5e+07"]), Pass, "");
    check(CHECK, &written(&["1e+06"]), Fail, "has `2.5e+07`");
}

/// A failure would mean that what a pod's annotations and labels hold is not looked at.
#[test]
fn the_metadata_of_pods_counts() {
    let pods = |metadata: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: cg}}\nspec: {{template: {{metadata: {{{metadata}}}, spec: {{containers: [{{name: web}}]}}}}}}\n"
        )
    };
    check(
        CHECK,
        &rendering(&pods("annotations: {limit: '2e+07'}")),
        Fail,
        "annotation of its pods `limit` of deployment/cg has `2e+07`",
    );
    check(CHECK, &rendering(&pods("labels: {on: true}")), Fail, "is a boolean");
    check(CHECK, &rendering(&pods("annotations: {limit: '20000000'}")), Pass, "");
}
