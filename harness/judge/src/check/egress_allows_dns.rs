//! `egress-allows-dns`: pods whose egress the release restricts can still resolve the names that they are given.

mod host;

use chartgate_k8s::typed::Object;
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::manifest::{Manifest, Selector};
use crate::tally::{Tally, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};

pub(crate) const EGRESS_ALLOWS_DNS: Check = Check {
    name: "egress-allows-dns",
    proves: "pods whose egress is restricted, and which are given names of hosts, may ask the DNS",
    means: "the chart cuts its own pods off: where policies are enforced, they resolve no name at all",
    explanation: include_str!("../explanation/egress-allows-dns.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge,
};

/// The DNS, and what it is on `OpenShift` behind its Service.
const DNS: [i32; 2] = [53, 5353];

fn judge(view: &View) -> Finding {
    let mut tally = Tally::new(EGRESS_ALLOWS_DNS.name);
    let mut unknown = None;
    for manifest in Manifest::all(view) {
        let other = manifest.objects.iter().find(|it| it.is_custom() && it.kind().ends_with("NetworkPolicy"));
        if let Some(other) = other {
            unknown = Some(format!("{} may allow the DNS", other.slashed()));
            continue;
        }
        let policies =
            manifest.each::<NetworkPolicy>().filter_map(|(object, policy)| Some((object, policy.spec.as_ref()?)));
        let policies: Vec<(&Object, &NetworkPolicySpec)> =
            policies.filter(|(_, spec)| restricts_egress(spec)).collect();
        for workload in manifest.workloads().iter().filter(|it| it.pod.spec.host_network != Some(true)) {
            let selects = |(object, spec): &&(&Object, &NetworkPolicySpec)| {
                manifest.namespace_of(object) == workload.namespace
                    && Selector::of(spec.pod_selector.as_ref()).selects_pods_of(workload)
            };
            let of_it: Vec<_> = policies.iter().filter(selects).collect();
            let Some((first, _)) = of_it.first() else { continue };
            if of_it.iter().flat_map(|(_, spec)| spec.egress.iter().flatten()).any(allows_dns) {
                tally.proved(note(format!("{} may ask the DNS", workload.slashed())));
            } else if let Some((place, host)) = host::named(&manifest, workload) {
                let message = format!(
                    "{} restricts what {} may reach and allows no port 53, but {place} names `{host}`, which needs the DNS",
                    first.slashed(),
                    workload.slashed()
                );
                tally.fail(message).hint("add an egress rule for port 53, UDP and TCP");
            }
        }
    }
    tally.finish_or(
        "pods that need the DNS may ask it",
        unknown.unwrap_or_else(|| "no policy restricts the egress of pods that need the DNS".to_owned()),
    )
}

/// Whether a policy is about egress: it says so, or it has rules for it.
fn restricts_egress(policy: &NetworkPolicySpec) -> bool {
    match &policy.policy_types {
        Some(types) => types.iter().any(|it| it == "Egress"),
        None => policy.egress.as_ref().is_some_and(|rules| !rules.is_empty()),
    }
}

/// Whether a rule may let a request to the DNS pass: by its port, or to everywhere but pods of the same namespace.
fn allows_dns(rule: &NetworkPolicyEgressRule) -> bool {
    let is_dns = |port: &NetworkPolicyPort| match &port.port {
        None => true,
        Some(IntOrString::String(name)) => name.starts_with("dns"),
        Some(IntOrString::Int(from)) => DNS.iter().any(|dns| (*from..=port.end_port.unwrap_or(*from)).contains(dns)),
    };
    let is_elsewhere = |peer: &NetworkPolicyPeer| peer.ip_block.is_some() || peer.namespace_selector.is_some();
    let (ports, peers) = (rule.ports.as_deref().unwrap_or_default(), rule.to.as_deref().unwrap_or_default());
    match ports {
        [] => peers.is_empty() || peers.iter().any(is_elsewhere),
        ports => ports.iter().any(is_dns),
    }
}

#[cfg(test)]
mod tests;
