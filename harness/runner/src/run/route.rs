//! The routes to a release: a Service is asked once it sends to the release's ready pods, and no longer to those that leave.

use std::sync::Arc;
use std::time::Duration;

use chartgate_k8s::typed::{Object, is_ready};
use chartgate_model::plan::Plan;
use chartgate_process::wait::pause;
use tokio::time::Instant;

use super::address::is_of_service;
use super::stage::Stage;

/// A pod leaves within its grace period, which is seldom longer, and its endpoints are known before; after this the Service is asked all the same.
pub(super) const DRAIN_LIMIT: Duration = Duration::from_secs(60);

/// A node takes over what changed once a second at most (kube-proxy's `minSyncPeriod`), and a moment for the doing.
const TAKEN_OVER: Duration = Duration::from_millis(1500);

/// What says which pods are behind a Service.
const SLICE: &str = "EndpointSlice";

/// Waits until the Services in front of the serving roles send to all their ready pods and to none that leaves.
///
/// A pod that drains says so, and until every node has heard that it is leaving it may be the one that answers. Where a Service
/// does not come to that by itself, because it selects none but the old pods, it is asked when these are gone.
pub async fn until_routed(plan: &Plan, stage: &Stage) {
    let serving = plan.present_roles().filter(|(_, role)| role.serves.is_some());
    let selectors: Vec<&str> = serving.map(|(_, role)| role.select.as_str()).collect();
    let pods = || {
        let all = stage.namespace.of_kind("Pod").into_iter();
        all.filter(|pod| selectors.iter().any(|select| pod.is_selected(select))).collect::<Vec<_>>()
    };
    let is_misrouted = || misrouted(&pods(), &stage.namespace.of_kind("Service"), &stage.namespace.of_kind(SLICE));
    loop {
        if stage.wait(Instant::now() + DRAIN_LIMIT, is_misrouted).await.is_err() {
            return stage.until_drained(&selectors, DRAIN_LIMIT).await;
        }
        let since = stage.namespace.last_change(SLICE).map_or(TAKEN_OVER, |at| at.elapsed());
        // Where none leaves, none can answer in another's place, and late routes are asked again.
        let is_leaving = |pod: &Arc<Object>| pod.is_terminating();
        if since >= TAKEN_OVER || !pods().iter().any(is_leaving) {
            return;
        }
        pause(TAKEN_OVER.saturating_sub(since)).await;
    }
}

/// What a Service in front of these pods does not yet send to, or still does.
fn misrouted(pods: &[Arc<Object>], services: &[Arc<Object>], slices: &[Arc<Object>]) -> Option<String> {
    services.iter().find_map(|service| {
        let own = slices.iter().filter(|slice| slice.slice_of() == Some(service.name()));
        let endpoints = own.flat_map(|slice| slice.endpoints()).filter(|endpoint| is_ready(endpoint));
        let ready: Vec<&str> = endpoints.filter_map(|it| it.target_ref.as_ref()?.uid.as_deref()).collect();
        // Where those that are not ready are published as well, the routes say nothing of readiness.
        let is_plain = service.service().is_some_and(|spec| spec.publish_not_ready_addresses != Some(true));
        let mut own = pods.iter().filter(|pod| is_plain && is_of_service(service, pod));
        let wrong = own.find(|pod| ready.contains(&pod.uid()) != pod.is_ready_pod())?;
        Some(format!("service/{} has not taken note of pod/{}", service.name(), wrong.name()))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(uid: &str, is_leaving: bool) -> Arc<Object> {
        let ready = json!([{"type": "Ready", "status": "True"}]);
        let mut pod = json!({"kind": "Pod", "metadata": {"uid": uid, "name": uid, "labels": {"app": "web"}}, "status": {"conditions": ready}});
        if is_leaving {
            pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        Arc::new(pod.into())
    }

    fn service(selector: &Value) -> [Arc<Object>; 1] {
        let spec = json!({"selector": selector, "clusterIP": "10.0.0.1"});
        [Arc::new(json!({"kind": "Service", "metadata": {"name": "web"}, "spec": spec}).into())]
    }

    fn slice(endpoints: &[(&str, bool)]) -> [Arc<Object>; 1] {
        let endpoint = |(uid, ready): &(&str, bool)| json!({"targetRef": {"uid": uid}, "conditions": {"ready": ready}});
        let endpoints: Vec<Value> = endpoints.iter().map(endpoint).collect();
        let labels = json!({"kubernetes.io/service-name": "web"});
        [Arc::new(json!({"kind": "EndpointSlice", "metadata": {"labels": labels}, "endpoints": endpoints}).into())]
    }

    /// A failure would mean that an old pod answers in the new one's place, and a Service that leads nowhere seems to work.
    #[test]
    fn a_service_sends_to_all_ready_pods_and_to_none_that_leaves() {
        let (pods, service) = ([pod("new", false), pod("old", true)], service(&json!({"app": "web"})));
        assert_eq!(misrouted(&pods, &service, &slice(&[("new", true), ("old", false)])), None);
        assert_eq!(misrouted(&pods, &service, &slice(&[("new", true)])), None);
        for wrong in [&[("new", true), ("old", true)][..], &[("new", false)], &[]] {
            assert!(misrouted(&pods, &service, &slice(wrong)).is_some(), "{wrong:?}");
        }
    }

    /// A failure would mean that each step waits for routes that no Service promises.
    #[test]
    fn a_service_of_other_pods_is_not_waited_for() {
        let pods = [pod("new", false)];
        assert_eq!(misrouted(&pods, &service(&json!({"app": "api"})), &slice(&[])), None);
        assert_eq!(misrouted(&pods, &[], &[]), None);
        let spec = json!({"selector": {"app": "web"}, "publishNotReadyAddresses": true});
        let published = [Arc::new(json!({"kind": "Service", "metadata": {"name": "web"}, "spec": spec}).into())];
        assert_eq!(misrouted(&[pod("old", true)], &published, &slice(&[("old", true)])), None);
    }
}
