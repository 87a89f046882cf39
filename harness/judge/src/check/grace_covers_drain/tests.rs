use super::*;
use crate::Verdict::{Fail, NotApplicable, Pass};
use crate::testing::{check, examples, rendering};

const CHECK: &Check = &GRACE_COVERS_DRAIN;

fn pod(spec: &str, handler: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: cg}}
spec:
  template:
    spec:
      {spec}
      containers: [{{name: web, lifecycle: {{preStop: {handler}}}}}]
"
    )
}

/// A failure would mean that a container which is killed before its end is accepted.
#[test]
fn a_sleep_must_be_shorter_than_the_grace_period() {
    let sleep = r#"{exec: {command: [sleep, "12"]}}"#;
    let good = rendering(&pod("terminationGracePeriodSeconds: 20", sleep));
    let bad = rendering(&pod("terminationGracePeriodSeconds: 6", sleep));
    check(CHECK, &bad, Fail, "sleeps 12 s, but `terminationGracePeriodSeconds` is 6");
    check(CHECK, &rendering(&pod("", sleep)), Pass, "");
    check(CHECK, &rendering(&pod("", "{sleep: {seconds: 30}}")), Fail, "is 30, which is Kubernetes' default");
    examples(&GRACE_COVERS_DRAIN, &good, &bad);
}

/// A failure would mean that a sleep is not found where charts write it, or is seen where there is none.
#[test]
fn only_a_certain_sleep_counts() {
    for (script, expected) in [
        ("sleep 40", Fail),
        ("/bin/sleep 1m && nginx -s quit", Fail),
        ("nginx -s quit; sleep 20; sleep 20", Fail),
        ("sleep 5 && kill -TERM 1", Pass),
        ("sleep 40 || true", Fail),
        ("sleep 6 || exit 0", Pass),
        ("while pgrep app; do sleep 40; done", NotApplicable),
        ("test -e /drain || sleep 40", NotApplicable),
        ("sleep $DELAY", NotApplicable),
        ("/drain --timeout 40", NotApplicable),
    ] {
        let handler = format!("{{exec: {{command: [/bin/sh, -c, \"{script}\"]}}}}");
        check(CHECK, &rendering(&pod("", &handler)), expected, "");
    }
}
