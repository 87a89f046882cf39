use chartgate_model::plan::Action;
use chartgate_model::recording::Change;
use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, gap, named, start_of};

fn ingress() -> Value {
    let backend = json!({"service": {"name": "cg", "port": {"number": 80}}});
    json!({
        "kind": "Ingress",
        "metadata": {"name": "cg", "uid": "ingress"},
        "spec": {
            "rules": [{"host": "app.example.com", "http": {"paths": [{"path": "/", "backend": backend}]}}],
            "tls": [{"secretName": "app-tls", "hosts": ["app.example.com"]}],
        },
    })
}

fn secret() -> Value {
    json!({"kind": "Secret", "metadata": {"name": "app-tls", "uid": "tls"}, "data": {"tls.crt": "hash", "tls.key": "hash"}})
}

/// A good run with a Service and its Secret, and this route.
fn routed(route: &Value) -> Story {
    let service = json!({
        "kind": "Service",
        "metadata": {"name": "cg", "uid": "service"},
        "spec": {"ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    });
    let story = [&service, &secret()]
        .into_iter()
        .fold(Story::good().rendering(route), |story, object| story.sighting(start_of(0), Change::Applied, object));
    story.edit(named("EndpointSlice", ""), |slice| slice["ports"] = json!([{"name": "http", "port": 4000}]))
}

#[track_caller]
fn check_edited(at: &str, value: Value, verdict: Verdict, says: &str) {
    let mut route = ingress();
    *route.pointer_mut(at).expect("the field is there") = value;
    check(&INGRESS_LEADS, &routed(&route), verdict, says);
}

/// A failure would mean that an Ingress which leads to its pods is red.
#[test]
fn an_ingress_that_leads_to_ready_endpoints_passes() {
    let finding = check(&INGRESS_LEADS, &routed(&ingress()), Verdict::Pass, "every route led to ready endpoints");
    assert!(finding.evidence[0].text.contains("ingress/cg led to port 80 (`http`) of service/cg"), "{finding:?}");
    check_edited("/spec/rules/0/http/paths/0/backend/service/port", json!({"name": "http"}), Verdict::Pass, "");
}

/// A failure would mean that an Ingress to a Service or a port that is not there is accepted.
#[test]
fn a_backend_that_is_not_there_fails() {
    let service = "/spec/rules/0/http/paths/0/backend/service";
    let says = "ingress/cg leads to service/web, which does not exist; there are `cg` after step 1 (install)";
    check_edited(&format!("{service}/name"), json!("web"), Verdict::Fail, says);
    let says = "leads to port 8080 of service/cg, which has only port 80 (`http`)";
    check_edited(&format!("{service}/port/number"), json!(8080), Verdict::Fail, says);
    check_edited("/spec/rules", json!([]), Verdict::Fail, "leads nowhere: it names no Service");
    let by_default = json!({"name": "none", "port": {"number": 80}});
    let mut route = ingress();
    route["spec"]["defaultBackend"] = json!({"service": by_default});
    check(&INGRESS_LEADS, &routed(&route), Verdict::Fail, "leads to service/none");
}

/// A failure would mean that a Service behind which nothing is ready counts as a way to the application.
#[test]
fn a_service_without_ready_endpoints_fails() {
    let edited = |key: &'static str, value: Value| {
        routed(&ingress()).edit(named("EndpointSlice", ""), move |slice| slice[key] = value.clone())
    };
    let says = "leads to port 80 (`http`) of service/cg, which has no ready endpoint";
    check(&INGRESS_LEADS, &edited("endpoints", json!([])), Verdict::Fail, says);
    check(&INGRESS_LEADS, &edited("endpoints", json!([{"conditions": {"ready": false}}])), Verdict::Fail, says);
    // No pod has a port of the name that the Service sends to.
    check(&INGRESS_LEADS, &edited("ports", json!([])), Verdict::Fail, says);
}

/// A failure would mean that users meet the controller's own certificate behind a green gate.
#[test]
fn a_tls_secret_that_nobody_makes_fails() {
    let absent = || routed(&ingress()).unseen(named("Secret", "app-tls"));
    check(&INGRESS_LEADS, &absent(), Verdict::Fail, "takes its certificate from secret/app-tls, which does not exist");
    let unknown = absent().plan(|plan| plan.roles.clear());
    check(&INGRESS_LEADS, &unknown, Verdict::Advice, "which does not exist");
    let issued = |ingress: &mut Value| {
        ingress["metadata"]["annotations"] = json!({"cert-manager.io/cluster-issuer": "letsencrypt"});
    };
    check(&INGRESS_LEADS, &absent().edit(named("Ingress", "cg"), issued), Verdict::Pass, "");
    let empty = |secret: &mut Value| secret["data"] = json!({"tls.crt": "hash"});
    let story = routed(&ingress()).edit(named("Secret", "app-tls"), empty);
    check(&INGRESS_LEADS, &story, Verdict::Fail, "secret/app-tls, which has no `tls.key`");
}

/// A failure would mean that a certificate for a host that leads nowhere is accepted, or one for all below a domain is not.
#[test]
fn hosts_of_tls_are_hosts_of_rules() {
    let hosts = "/spec/tls/0/hosts";
    let says = "has TLS for `api.example.com`, which is a host of no rule; hosts are `app.example.com`";
    check_edited(hosts, json!(["app.example.com", "api.example.com"]), Verdict::Fail, says);
    check_edited(hosts, json!(["*.example.com"]), Verdict::Pass, "");
    check_edited(hosts, json!(["*.com"]), Verdict::Fail, "has TLS for `*.com`");
    check_edited("/spec/rules/0/host", json!(""), Verdict::Pass, "");
}

/// A failure would mean that a route of the Gateway API is not followed.
#[test]
fn a_route_of_the_gateway_api_is_followed() {
    let route = |service: &str, port: u16| {
        let refs = json!([{"name": service, "port": port}, {"kind": "Bucket", "name": "files"}]);
        json!({"kind": "HTTPRoute", "metadata": {"name": "cg"}, "spec": {"rules": [{"backendRefs": refs}]}})
    };
    check(&INGRESS_LEADS, &routed(&route("cg", 80)), Verdict::Pass, "");
    check(&INGRESS_LEADS, &routed(&route("cg", 81)), Verdict::Fail, "httproute/cg leads to port 81 of service/cg");
    check(&INGRESS_LEADS, &routed(&route("web", 80)), Verdict::Fail, "leads to service/web");
}

/// A failure would mean that a route which nobody followed counts as one that leads somewhere.
#[test]
fn what_was_not_watched_is_void() {
    let story = routed(&ingress()).before(end_of(1), gap("EndpointSlice"));
    check(&INGRESS_LEADS, &story, Verdict::Void, "where routes led after step 2 (upgrade) is unknown");
    let gone = routed(&ingress()).plan(|plan| plan.steps.iter_mut().for_each(|step| step.action = Action::Uninstall));
    check(&INGRESS_LEADS, &gone, Verdict::Void, "nothing was seen");
}

/// A failure would mean that a chart without a route is red.
#[test]
fn without_a_route_it_does_not_apply() {
    check(&INGRESS_LEADS, &Story::good(), Verdict::NotApplicable, "renders no Ingress and no HTTPRoute");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let mut route = ingress();
    route["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = json!("web");
    examples(&INGRESS_LEADS, &routed(&ingress()), &routed(&route));
}

/// A route of `/` to the Service `cg`, behind which the role `app` stands, under a contract that promises it to a role.
#[track_caller]
fn check_promised(route: &Value, promised: &str, role: &'static str, verdict: Verdict, says: &str) {
    let promised = promised.to_owned();
    let story = routed(route).plan(move |plan| plan.routes = [(promised, role.to_owned())].into());
    check(&INGRESS_LEADS, &story, verdict, says);
}

/// A failure would mean that users of a path reach another part of the application, behind a green gate.
#[test]
fn a_path_leads_to_the_role_that_the_contract_promises() {
    for promised in ["/", "/deep/down", "app.example.com/"] {
        check_promised(&ingress(), promised, "app", Verdict::Pass, "");
    }
    let says = "ingress/cg leads `/` to service/cg after step 1 (install), behind which stands pod/cg-app-0 of role `app`, not of role `worker`";
    check_promised(&ingress(), "/", "worker", Verdict::Fail, says);
    let says = "no route leads `other.example.com/` anywhere after step 1 (install); there are `app.example.com/`";
    check_promised(&ingress(), "other.example.com/", "app", Verdict::Fail, says);
}

/// A failure would mean that an API's requests may fall through to the pages, or that one is asked for a route that it does not have.
#[test]
fn the_longest_path_decides_where_a_request_goes() {
    let mut two = ingress();
    let other = json!({"service": {"name": "other", "port": {"number": 80}}});
    two["spec"]["rules"][0]["http"]["paths"]
        .as_array_mut()
        .expect("a list")
        .push(json!({"path": "/api", "pathType": "Prefix", "backend": other}));
    let two = two.into();
    let meets = |promised: &str| {
        let legs = promised::legs(&two);
        let (host, path) = promised::split(promised);
        let best = promised::best(&legs, host, path);
        best.iter().flat_map(|leg| &leg.backends).map(|backend| backend.service.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (meets("/api/v1"), meets("/apis"), meets("/")),
        (vec!["other".to_owned()], vec!["cg".to_owned()], vec!["cg".to_owned()])
    );
    let spec = json!({
        "hostnames": ["*.example.com"],
        "rules": [
            {"matches": [{"path": {"type": "Exact", "value": "/api"}}], "backendRefs": [{"name": "api", "port": 80}]},
            {"backendRefs": [{"name": "web", "port": 80}]},
        ],
    });
    let route = json!({"kind": "HTTPRoute", "metadata": {"name": "cg"}, "spec": spec}).into();
    let legs = promised::legs(&route);
    let meets = |host: &str, path: &str| promised::best(&legs, host, path).first().map(|leg| leg.backends[0].service);
    assert_eq!((meets("a.example.com", "/api"), meets("a.example.com", "/api/v1")), (Some("api"), Some("web")));
    assert_eq!(meets("a.example.org", "/api"), None);
}
