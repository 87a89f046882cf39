//! `egress-allows-dns`: pods whose egress the release restricts can still resolve the names that they are given.

use serde_json::Value;

use crate::manifest::{Manifest, Selector, Workload, is_custom, title};
use crate::tally::{Tally, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};
use chartgate_k8s::object::{items, kind, name, text};

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
const DNS: [u64; 2] = [53, 5353];

fn judge(view: &View) -> Finding {
    let mut tally = Tally::new(EGRESS_ALLOWS_DNS.name);
    let mut unknown = None;
    for manifest in Manifest::all(view) {
        let other = manifest.objects.iter().find(|it| is_custom(it) && kind(it).ends_with("NetworkPolicy"));
        if let Some(other) = other {
            unknown = Some(format!("{} may allow the DNS", title(other)));
            continue;
        }
        let policies: Vec<&Value> =
            manifest.of_kind("NetworkPolicy").filter(|policy| restricts_egress(policy)).collect();
        for workload in manifest.workloads().iter().filter(|it| it.pod["spec"]["hostNetwork"] != true) {
            let of_it: Vec<&Value> =
                policies.iter().copied().filter(|policy| selects(&manifest, policy, workload)).collect();
            let Some(first) = of_it.first() else { continue };
            if of_it.iter().any(|policy| items(&policy["spec"]["egress"]).any(allows_dns)) {
                tally.proved(note(format!("{} may ask the DNS", workload.title())));
            } else if let Some((place, host)) = named_host(&manifest, workload) {
                let message = format!(
                    "{} restricts what {} may reach and allows no port 53, but {place} names `{host}`, which needs the DNS",
                    title(first),
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
fn restricts_egress(policy: &Value) -> bool {
    let types = &policy["spec"]["policyTypes"];
    items(types).any(|it| it == "Egress") || (types.is_null() && items(&policy["spec"]["egress"]).next().is_some())
}

fn selects(manifest: &Manifest, policy: &Value, workload: &Workload) -> bool {
    manifest.namespace_of(policy) == workload.namespace
        && Selector::of(&policy["spec"]["podSelector"]).selects_pods_of(workload)
}

/// Whether a rule may let a request to the DNS pass: by its port, or to everywhere but pods of the same namespace.
fn allows_dns(rule: &Value) -> bool {
    let is_dns = |port: &Value| {
        let (from, to) = (port["port"].as_u64(), port["endPort"].as_u64());
        let is_in = |dns: &u64| from.is_some_and(|from| from == *dns || to.is_some_and(|to| (from..=to).contains(dns)));
        port["port"].is_null() || text(&port["port"]).starts_with("dns") || DNS.iter().any(is_in)
    };
    let has_ports = items(&rule["ports"]).next().is_some();
    let is_elsewhere = |peer: &Value| peer["ipBlock"].is_object() || !peer["namespaceSelector"].is_null();
    let reaches_elsewhere = items(&rule["to"]).next().is_none() || items(&rule["to"]).any(is_elsewhere);
    if has_ports { items(&rule["ports"]).any(is_dns) } else { reaches_elsewhere }
}

/// A host by its name in what a pod is given, and where that is.
fn named_host(manifest: &Manifest, workload: &Workload) -> Option<(String, String)> {
    let services: Vec<&str> = manifest.of_kind("Service").map(name).filter(|it| manifest.is_own_name(it)).collect();
    let host = |text: &str| words(text).find(|word| is_host(word, &services)).or(called(text)).map(str::to_owned);
    for container in workload.containers() {
        let of = text(&container["name"]);
        for variable in items(&container["env"]) {
            if let Some(host) = variable["value"].as_str().and_then(host) {
                return Some((format!("`{}` of container `{of}`", text(&variable["name"])), host));
            }
        }
        for line in items(&container["args"]).chain(items(&container["command"])) {
            if let Some(host) = line.as_str().and_then(host) {
                return Some((format!("the command of container `{of}`"), host));
            }
        }
        for from in items(&container["envFrom"]) {
            let Some(config) = manifest.find("ConfigMap", workload.namespace, text(&from["configMapRef"]["name"]))
            else {
                continue;
            };
            let data = config["data"].as_object().into_iter().flatten();
            let mut named = data.filter_map(|(key, value)| Some((key, host(text(value))?)));
            if let Some((key, host)) = named.next() {
                return Some((format!("`{key}` of {}", title(config)), host));
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
