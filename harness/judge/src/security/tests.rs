use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, examples, named, rendering};

fn worker(change: impl Fn(&mut Value)) -> Story {
    Story::good()
        .edit(named("Deployment", "cg-worker"), move |deployment| change(&mut deployment["spec"]["template"]["spec"]))
}

/// A failure would mean that a chart seems fit for a restricted namespace and is refused there.
#[test]
fn each_rule_of_the_restricted_standard_is_checked() {
    let pod = |field: &str, value: Value| (format!("/{field}"), value);
    let container = |field: &str, value: Value| (format!("/containers/0/{field}"), value);
    let cases = [
        (pod("hostNetwork", json!(true)), "hostNetwork"),
        (pod("volumes", json!([{"name": "v", "hostPath": {"path": "/"}}])), "hostPath"),
        (pod("securityContext", json!({"runAsNonRoot": true})), "has no `seccompProfile`"),
        (pod("securityContext", json!({"seccompProfile": {"type": "RuntimeDefault"}})), "runAsNonRoot"),
        (pod("securityContext/runAsUser", json!(0)), "runs as root"),
        (pod("securityContext/sysctls", json!([{"name": "kernel.msgmax", "value": "1"}])), "kernel.msgmax"),
        (pod("securityContext/seLinuxOptions", json!({"type": "spc_t"})), "SELinux"),
        (container("securityContext", Value::Null), "allowPrivilegeEscalation"),
        (container("securityContext/privileged", json!(true)), "is privileged"),
        (container("securityContext/capabilities", json!({"drop": ["NET_RAW"]})), "does not drop all"),
        (container("securityContext/capabilities/add", json!(["NET_ADMIN"])), "adds capabilities"),
        (container("securityContext/runAsNonRoot", json!(false)), "runAsNonRoot"),
        (container("securityContext/procMount", json!("Unmasked")), "unmasks"),
        (container("securityContext/seccompProfile", json!({"type": "Unconfined"})), "switches seccomp off"),
        (container("securityContext/appArmorProfile", json!({"type": "Unconfined"})), "switches AppArmor off"),
        (container("ports", json!([{"containerPort": 1, "hostPort": 1}])), "port of its node"),
        (container("livenessProbe", json!({"httpGet": {"host": "10.0.0.1", "port": 1}})), "another host"),
    ];
    for ((path, value), says) in cases {
        let story = worker(|spec| {
            let (parent, field) = path.rsplit_once('/').expect("it has a parent");
            spec.pointer_mut(parent).expect("the parent exists")[field] = value.clone();
        });
        check(&PODS_RESTRICTED, &story, Verdict::Advice, says);
    }
}

/// A failure would mean that what the standard allows is advised against.
#[test]
fn what_the_restricted_standard_allows_passes() {
    let story = worker(|spec| {
        spec["containers"][0]["securityContext"]["capabilities"]["add"] = json!(["NET_BIND_SERVICE"]);
        spec["volumes"] = json!([{"name": "tmp", "emptyDir": {}}]);
        spec["securityContext"]["sysctls"] = json!([{"name": "net.ipv4.tcp_syncookies", "value": "1"}]);
    });
    check(&PODS_RESTRICTED, &story, Verdict::Pass, "");
}

/// A failure would mean that nobody is told of a token that nothing needs.
#[test]
fn a_token_without_use_is_advised_against() {
    let mounting = || worker(|spec| spec["automountServiceAccountToken"] = Value::Null);
    let says = "pods of deployment/cg-worker get a token of serviceaccount/default";
    check(&SERVICE_ACCOUNT_MINIMAL, &mounting(), Verdict::Advice, says);
    let subject = json!({"kind": "ServiceAccount", "name": "default"});
    let binding = json!({"kind": "RoleBinding", "metadata": {"name": "cg"}, "subjects": [subject]});
    check(&SERVICE_ACCOUNT_MINIMAL, &mounting().rendering(&binding), Verdict::Pass, "");
}

/// A failure would mean that advice is given about `helm test`, or about an account that only the user knows.
#[test]
fn tokens_of_tests_and_of_the_users_own_accounts_are_left_alone() {
    let mounting = |spec: &mut Value| spec["automountServiceAccountToken"] = Value::Null;
    let test =
        json!({"kind": "Pod", "metadata": {"name": "cg-test", "annotations": {"helm.sh/hook": "test"}}, "spec": {}});
    check(&SERVICE_ACCOUNT_MINIMAL, &Story::good().rendering(&test), Verdict::Pass, "");
    let story = worker(|spec| {
        mounting(spec);
        spec["serviceAccountName"] = json!("the-users-own");
    });
    check(&SERVICE_ACCOUNT_MINIMAL, &story, Verdict::Pass, "");
}

/// A failure would mean that a pod for Windows is judged by what Windows does not have.
#[test]
fn pods_for_windows_are_judged_by_what_windows_has() {
    let story = |run_as_non_root: bool| {
        let spec = json!({"os": {"name": "windows"}, "securityContext": {"runAsNonRoot": run_as_non_root}, "containers": [{"name": "c"}]});
        Story::good().rendering(
            &json!({"kind": "DaemonSet", "metadata": {"name": "cg-win"}, "spec": {"template": {"spec": spec}}}),
        )
    };
    check(&PODS_RESTRICTED, &story(true), Verdict::Pass, "");
    check(
        &PODS_RESTRICTED,
        &story(false),
        Verdict::Advice,
        "daemonset/cg-win are not restricted: container `c` does not set `runAsNonRoot: true`",
    );
}

/// A failure would mean that a chart which does not aim at the standard is told all of it, or that one which promises it is not.
#[test]
fn a_chart_that_sets_nothing_of_the_standard_is_judged_where_the_contract_asks_for_it() {
    let linux = "kind: Deployment\nmetadata: {name: cg}\nspec: {template: {spec: {containers: [{name: c}]}}}\n";
    let windows = "kind: DaemonSet\nmetadata: {name: cg-win}\nspec: {template: {spec: {os: {name: windows}, securityContext: {runAsNonRoot: true}, containers: [{name: c}]}}}\n";
    check(&PODS_RESTRICTED, &rendering(linux), Verdict::NotApplicable, "no pod sets any field");
    check(&PODS_RESTRICTED, &rendering(&format!("{linux}---\n{windows}")), Verdict::Pass, "1 observation");
    let asked = rendering(linux).plan(|plan| plan.binding = vec![PODS_RESTRICTED.name.to_owned()]);
    check(&PODS_RESTRICTED, &asked, Verdict::Advice, "deployment/cg are not restricted");
    let half = linux.replace("{name: cg}", "{name: cg-half}");
    let half = half.replace("{name: c}]", "{name: c, securityContext: {allowPrivilegeEscalation: false}}]");
    check(
        &PODS_RESTRICTED,
        &rendering(&format!("{linux}---\n{half}")),
        Verdict::Advice,
        "deployment/cg are not restricted",
    );
}

/// A failure would mean that nobody is told of a role that may do anything.
#[test]
fn a_role_that_grants_everything_is_advised_against() {
    let role = json!({"kind": "Role", "metadata": {"name": "cg"}, "rules": [{"verbs": ["*"], "resources": ["pods"], "apiGroups": [""]}]});
    let own = json!({"kind": "Role", "metadata": {"name": "own"}, "rules": [{"verbs": ["*"], "resources": ["*"], "apiGroups": ["things.example.org"]}]});
    check(&SERVICE_ACCOUNT_MINIMAL, &Story::good().rendering(&own), Verdict::Pass, "");
    check(
        &SERVICE_ACCOUNT_MINIMAL,
        &Story::good().rendering(&role),
        Verdict::Advice,
        "role/cg grants `*` on `pods` of the core API group (`rules[0]`)",
    );
    let admin = json!({"kind": "ClusterRoleBinding", "metadata": {"name": "cg"}, "roleRef": {"name": "cluster-admin"}});
    check(&SERVICE_ACCOUNT_MINIMAL, &Story::good().rendering(&admin), Verdict::Advice, "the cluster's administrator");
}

/// A failure would mean that advice is given about nothing.
#[test]
fn without_pods_there_is_no_advice() {
    let story = Story::good().unrendered(|object| object["kind"] != "Service");
    for of in [PODS_RESTRICTED, SERVICE_ACCOUNT_MINIMAL, NO_SECRET_IN_PLAIN_SIGHT] {
        check(&of, &story, Verdict::NotApplicable, "the chart renders");
    }
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = worker(|spec| spec["containers"][0]["securityContext"] = Value::Null);
    examples(&PODS_RESTRICTED, &Story::good(), &failing);
    let failing = worker(|spec| spec["automountServiceAccountToken"] = Value::Null);
    examples(&SERVICE_ACCOUNT_MINIMAL, &Story::good(), &failing);
}
