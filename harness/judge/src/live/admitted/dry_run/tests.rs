use chartgate_model::recording::{DryRun, hash_of};
use serde_json::json;

use super::*;
use crate::Verdict;
use crate::live::ADMITTED;
use crate::testing::{Story, check, rendering};

const MANIFEST: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: cg-web}
---
apiVersion: example.org/v1
kind: Shop
metadata: {name: cg-shop}
";

/// What the server says of the Deployment, and of the custom resource, which it does not know.
fn asked(answer: DryRunAnswer) -> Story {
    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cg-web"}});
    let shop = json!({"apiVersion": "example.org/v1", "kind": "Shop", "metadata": {"name": "cg-shop"}});
    let unknown = DryRunAnswer::NotAsked { why: "the server serves no Shop of example.org/v1".to_owned() };
    let of = |object, answer| Moment::DryRun(DryRun { step: 0, object: hash_of(object), answer });
    rendering(MANIFEST).before(is_end, of(&web, answer)).before(is_end, of(&shop, unknown))
}

fn is_end(moment: &Moment) -> bool {
    matches!(moment, Moment::Ended)
}

fn refused(code: u16, message: &str) -> DryRunAnswer {
    DryRunAnswer::Refused { code, message: message.to_owned(), is_there: false }
}

const INVALID: &str = "Deployment.apps \"cg-web\" is invalid: spec.template.spec.containers[0].image: Required value";

/// A failure would mean that a maintainer learns from users what the API server says at once.
#[test]
fn a_refusal_is_red_with_the_servers_words() {
    let finding =
        check(&ADMITTED, &asked(refused(422, INVALID)), Verdict::Fail, "the API server refuses deployment/cg-web");
    assert!(finding.message.contains("containers[0].image: Required value"), "{}", finding.message);
    let policy = "deployments.apps \"cg-web\" is forbidden: ValidatingAdmissionPolicy 'few' with binding 'few' denied request: at most 5";
    check(
        &ADMITTED,
        &asked(refused(422, policy)),
        Verdict::Fail,
        "a ValidatingAdmissionPolicy refuses deployment/cg-web",
    );
    let webhook = "admission webhook \"deny.example.org\" denied the request: no owner label";
    check(&ADMITTED, &asked(refused(403, webhook)), Verdict::Fail, "an admission webhook refuses deployment/cg-web");
    let typed = "failed to create typed patch object (default/cg-web; apps/v1, Kind=Deployment): .spec.replica: field not declared in schema";
    check(&ADMITTED, &asked(refused(500, typed)), Verdict::Fail, "field not declared in schema");
}

/// A failure would mean that what the server never saw reads as if it had taken it.
#[test]
fn a_pass_says_what_was_not_examined() {
    let says = "the API server takes each object that it was asked about; not examined: shop/cg-shop: the server serves no Shop";
    check(&ADMITTED, &asked(DryRunAnswer::Accepted), Verdict::Pass, says);
}

/// A failure would mean that a chart is red for the rights of the user who asks, or for what others have on the server.
#[test]
fn what_is_the_servers_or_the_users_is_not_the_charts() {
    for (code, message) in [
        (
            403,
            "deployments.apps \"cg-web\" is forbidden: User \"eve\" cannot patch resource \"deployments\" in API group \"apps\"",
        ),
        (
            403,
            "roles.rbac.authorization.k8s.io \"cg\" is forbidden: user \"eve\" is attempting to grant RBAC permissions not currently held",
        ),
        (403, "pods \"cg\" is forbidden: error looking up service account default/cg: serviceaccount \"cg\" not found"),
        (403, "pods \"cg\" is forbidden: exceeded quota: team, requested: pods=1, used: pods=9, limited: pods=9"),
        (404, "namespaces \"monitoring\" not found"),
        (
            422,
            "Service \"cg\" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated",
        ),
        (500, "Internal error occurred: failed calling webhook \"a.example.org\": no endpoints available"),
        (400, "admission webhook \"a.example.org\" does not support dry run"),
        (
            500,
            "failed to create typed patch object (a/b; v1, Kind=Pod): .spec.containers[name=\"a\"].env: duplicate entries for key [name=\"A\"]",
        ),
    ] {
        let finding =
            check(&ADMITTED, &asked(refused(code, message)), Verdict::Void, "could examine none of the objects");
        assert!(finding.message.contains(message), "{}", finding.message);
    }
    let other = DryRunAnswer::Refused { code: 422, message: INVALID.to_owned(), is_there: true };
    check(&ADMITTED, &asked(other), Verdict::Void, "could examine none");
}

/// A failure would mean that a chart of custom resources alone is red wherever its operator is not installed.
#[test]
fn a_chart_of_unknown_kinds_alone_is_not_applicable() {
    let unknown = DryRunAnswer::NotAsked { why: "the chart brings the definition of Shop".to_owned() };
    check(&ADMITTED, &asked(unknown), Verdict::NotApplicable, "no object that the API server can know");
}

/// A failure would mean that the check is told as proven where no server was asked.
#[test]
fn it_is_not_examined_where_no_server_was_asked() {
    let examined = |story: &Story| !crate::examine(&story.0).not_examined.contains(&ADMITTED.name.to_owned());
    assert!(examined(&asked(DryRunAnswer::Accepted)));
    assert!(!examined(&rendering(MANIFEST)));
}
