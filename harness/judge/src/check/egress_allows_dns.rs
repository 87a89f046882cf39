//! `egress-allows-dns`: pods whose egress the release restricts can still resolve the names that they are given.

use chartgate_k8s::typed::Object;
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::manifest::{Manifest, Selector, Workload};
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

/// Schemes of URLs whose host is connected to; that of `s3://` is no host.
const CALLED: [&str; 13] = [
    "amqp",
    "amqps",
    "grpc",
    "http",
    "https",
    "ldap",
    "mongodb",
    "mysql",
    "nats",
    "postgres",
    "postgresql",
    "redis",
    "rediss",
];

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
                tally.proved(note(format!("{} may ask the DNS", workload.title())));
            } else if let Some((place, host)) = named_host(&manifest, workload) {
                let message = format!(
                    "{} restricts what {} may reach and allows no port 53, but {place} names `{host}`, which needs the DNS",
                    first.slashed(),
                    workload.title()
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

/// A host by its name in what a pod is given, and where that is.
fn named_host(manifest: &Manifest, workload: &Workload) -> Option<(String, String)> {
    let services: Vec<&str> =
        manifest.of_kind("Service").map(Object::name).filter(|it| manifest.is_own_name(it)).collect();
    let host = |text: &str| words(text).find(|word| is_host(word, &services)).or(called(text)).map(str::to_owned);
    for container in workload.containers() {
        let of = &container.name;
        for variable in container.env.iter().flatten() {
            if let Some(host) = variable.value.as_deref().and_then(host) {
                return Some((format!("`{}` of container `{of}`", variable.name), host));
            }
        }
        let mut command = container.args.iter().chain(&container.command).flatten();
        if let Some(host) = command.find_map(|line| host(line)) {
            return Some((format!("the command of container `{of}`"), host));
        }
        for map in container.env_from.iter().flatten().filter_map(|from| from.config_map_ref.as_ref()) {
            let Some(config) = manifest.find("ConfigMap", workload.namespace, &map.name) else { continue };
            if let Some((key, host)) = config.data().texts().find_map(|(key, value)| Some((key, host(value)?))) {
                return Some((format!("`{key}` of {}", config.slashed()), host));
            }
        }
    }
    None
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || "-.".contains(c))).filter(|word| !word.is_empty())
}

/// The host of a URL that is a lone word: a Service of the pod's namespace, whoever makes it.
fn called(text: &str) -> Option<&str> {
    let is_called = |at: usize| {
        CALLED.contains(&text[..at].rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default())
    };
    let after = text.match_indices("://").filter(|(at, _)| is_called(*at)).map(|(at, sign)| &text[at + sign.len()..]);
    let mut hosts = after.map(|rest| {
        let authority = rest.split(|c: char| c.is_whitespace() || "/?#\"',".contains(c)).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        host.split(':').next().unwrap_or_default()
    });
    let is_name = |host: &&str| {
        host.starts_with(|c: char| c.is_ascii_lowercase())
            && host.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && *host != "localhost"
    };
    hosts.find(is_name)
}

/// A Service of the release, or a name below one of the cluster's.
fn is_host(word: &str, services: &[&str]) -> bool {
    let first = word.split('.').next().unwrap_or_default();
    let is_of_cluster = word.rsplit_once('.').is_some_and(|(_, last)| last == "svc") || word.contains(".svc.");
    services.contains(&first) || is_of_cluster
}

#[cfg(test)]
mod tests;
