//! The load balancer that a cluster of containers has not: helm waits for the address that a cloud would give.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use chartgate_k8s::typed::Object;
use chartgate_process::wait::pause;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::record::watch::Namespace;
use crate::record::{Moment, Timeline};

/// How long a user's own load balancer has to answer first: there is one for kind, too.
pub const GRACE: Duration = Duration::from_secs(10);

/// Gives each Service of type `LoadBalancer` an address that has none after a while. It does not end by itself.
pub async fn answer(client: Client, ns: String, namespace: Namespace, timeline: Timeline, grace: Duration) {
    let services: Api<Service> = Api::namespaced(client, &ns);
    let mut changes = namespace.changes();
    let mut answered = BTreeSet::new();
    loop {
        changes.mark_unchanged();
        if namespace.of_kind("Service").iter().any(|service| is_waiting(service)) {
            pause(grace).await;
        }
        for service in namespace.of_kind("Service").iter().filter(|service| is_waiting(service)) {
            let uid = service.uid();
            let ingress = json!([{"ip": address(uid).to_string()}]);
            let status = json!({"status": {"loadBalancer": {"ingress": ingress}}});
            let patched =
                services.patch_status(service.name(), &PatchParams::default(), &Patch::Merge(status)).await.is_ok();
            // What is gone meanwhile needs none; another change of it comes here again.
            if patched && answered.insert(uid.to_owned()) {
                let what = format!("{} got an address, as a cloud's load balancer gives it", service.slashed());
                timeline.append(Moment::Assumed { what });
            }
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

fn is_waiting(service: &Object) -> bool {
    let Some(Service { spec, status, .. }) = service.typed() else { return false };
    let is_balanced = spec.as_ref().is_some_and(|spec| spec.type_.as_deref() == Some("LoadBalancer"));
    let given = status.as_ref().and_then(|status| status.load_balancer.as_ref()?.ingress.as_ref());
    is_balanced && !service.is_terminating() && given.is_none_or(std::vec::Vec::is_empty)
}

/// One of 198.18.0.0/15, which RFC 2544 keeps for tests: kube-proxy leads it to the Service's pods, and nothing else has it.
fn address(uid: &str) -> Ipv4Addr {
    let digest = Sha256::digest(uid.as_bytes());
    Ipv4Addr::new(198, 18 + (digest[0] & 1), digest[1], digest[2])
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// A failure would mean that helm waits for ever, or that an address which somebody gave is replaced.
    #[test]
    fn a_service_waits_until_it_has_an_address() {
        let service = |spec: &str, ingress: Value| {
            Object::from(json!({"kind": "Service", "spec": {"type": spec}, "status": {"loadBalancer": ingress}}))
        };
        assert!(is_waiting(&service("LoadBalancer", json!({}))));
        assert!(!is_waiting(&service("LoadBalancer", json!({"ingress": [{"hostname": "a.example"}]}))));
        assert!(!is_waiting(&service("ClusterIP", json!({}))));
    }

    /// A failure would mean that two Services take each other's connections, or that a node's own address is taken.
    #[test]
    fn each_service_has_an_address_of_the_range_for_tests() {
        let (one, other) = (address("one"), address("other"));
        assert_ne!(one, other);
        assert!([one, other].iter().all(|it| it.octets()[0] == 198 && [18, 19].contains(&it.octets()[1])));
    }
}
