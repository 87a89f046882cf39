//! Hosts that a pod asks by their names, as far as its variables and commands show.
//!
//! A word may be the name of a Service and mean something else, such as what a program calls itself: a lone word is a host where the text or
//! the name around it says so.

use chartgate_k8s::typed::Object;
use k8s_openapi::api::core::v1::{Container, EnvVar};

use crate::manifest::{Manifest, Selector, Workload};

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

/// Of these a server's own address, as users know it, may be one.
const PUBLIC: [&str; 3] = ["grpc", "http", "https"];

/// Last words of names whose value is a host.
const HOSTS: [&str; 20] = [
    "addr",
    "address",
    "addresses",
    "backend",
    "broker",
    "brokers",
    "endpoint",
    "endpoints",
    "host",
    "hostname",
    "hosts",
    "master",
    "nodes",
    "peers",
    "seeds",
    "server",
    "servers",
    "upstream",
    "uri",
    "url",
];

/// Servers whose host is never the pod's own address in public.
const SERVERS: [&str; 16] = [
    "amqp",
    "broker",
    "database",
    "db",
    "kafka",
    "mariadb",
    "memcached",
    "mongo",
    "mongodb",
    "mysql",
    "nats",
    "pg",
    "postgres",
    "postgresql",
    "rabbitmq",
    "redis",
];

/// Words that make a host the pod's own address all the same.
const OWN: [&str; 4] = ["advertise", "advertised", "external", "public"];

/// Programs that connect to a name which they are given.
const CONNECTING: [&str; 16] = [
    "curl",
    "dig",
    "getent",
    "mongosh",
    "mysql",
    "mysqladmin",
    "nc",
    "ncat",
    "nslookup",
    "pg_isready",
    "ping",
    "psql",
    "redis-cli",
    "telnet",
    "wait-for-it",
    "wget",
];

/// A host by its name in what a pod is given, and where that is.
pub(super) fn named<'a>(manifest: &Manifest<'a>, workload: &Workload) -> Option<(String, String)> {
    let services = manifest.of_kind("Service").filter(|it| manifest.is_own_name(it.name()));
    // A pod that names the Service in front of it tells who it is.
    let (own, others): (Vec<&Object>, Vec<&Object>) = services.partition(|it| {
        let selector = Selector::of_service(it);
        !selector.is_empty() && selector.selects_pods_of(workload)
    });
    let names = |of: Vec<&'a Object>| of.into_iter().map(Object::name).collect();
    let hosts = Hosts { namespace: manifest.namespace, own: names(own), others: names(others) };
    workload.containers().find_map(|container| of_container(manifest, workload, container, &hosts))
}

fn of_container(
    manifest: &Manifest,
    workload: &Workload,
    container: &Container,
    hosts: &Hosts,
) -> Option<(String, String)> {
    let of = &container.name;
    for variable in container.env.iter().flatten() {
        let value = variable.value.as_deref().or_else(|| of_config(manifest, workload, variable));
        if let Some(host) = value.and_then(|value| hosts.in_setting(&variable.name, value)) {
            return Some((format!("`{}` of container `{of}`", variable.name), host.to_owned()));
        }
    }
    let command: Vec<&str> = container.command.iter().chain(&container.args).flatten().map(String::as_str).collect();
    if let Some(host) = hosts.in_command(&command) {
        return Some((format!("the command of container `{of}`"), host.to_owned()));
    }
    for map in container.env_from.iter().flatten().filter_map(|from| from.config_map_ref.as_ref()) {
        let Some(config) = manifest.find("ConfigMap", workload.namespace, &map.name) else { continue };
        let mut settings = config.data().texts();
        if let Some((key, host)) = settings.find_map(|(key, value)| Some((key, hosts.in_setting(key, value)?))) {
            return Some((format!("`{key}` of {}", config.slashed()), host.to_owned()));
        }
    }
    None
}

/// The value that a variable takes from a ConfigMap of the release.
fn of_config<'a>(manifest: &Manifest<'a>, workload: &Workload, variable: &EnvVar) -> Option<&'a str> {
    let from = variable.value_from.as_ref()?.config_map_key_ref.as_ref()?;
    let config = manifest.find("ConfigMap", workload.namespace, &from.name)?;
    config.data().texts().find_map(|(key, value)| (key == from.key).then_some(value))
}

/// How hosts are known.
struct Hosts<'a> {
    /// The Services of the release that lead to the pod itself.
    own: Vec<&'a str>,
    /// Those that lead elsewhere.
    others: Vec<&'a str>,
    /// The namespace of the release.
    namespace: &'a str,
}

impl Hosts<'_> {
    /// The host in the value of a setting.
    fn in_setting<'t>(&self, name: &str, value: &'t str) -> Option<&'t str> {
        let words = words_of(name);
        let is_of_host = words.last().is_some_and(|last| HOSTS.contains(&last.as_str()));
        let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
        let is_of_server = is_of_host && has(&SERVERS) && !has(&OWN);
        let known = self.known(value).or_else(|| self.called(value));
        let is_lone =
            |word: &&str| (is_of_host && self.others.contains(word)) || (is_of_server && self.own.contains(word));
        let lone = || hosts_in(value).find(is_lone);
        let outside = || (is_of_server && is_outside(value)).then_some(value);
        known.or_else(lone).or_else(outside)
    }

    /// The host in the words of a command.
    fn in_command<'t>(&self, command: &[&'t str]) -> Option<&'t str> {
        let is_connecting = |text: &str| parts(text).any(|word| CONNECTING.contains(&word));
        let connects = command.iter().any(|text| is_connecting(text));
        command.iter().enumerate().find_map(|(index, text)| {
            let (flag, value) = match text.split_once('=') {
                Some((flag, value)) if flag.starts_with('-') => (flag, value),
                _ => (index.checked_sub(1).map_or("", |before| command[before]), *text),
            };
            let is_of_host = flag == "-h" || words_of(flag).last().is_some_and(|last| HOSTS.contains(&last.as_str()));
            let is_flag_of_host = flag.starts_with('-') && is_of_host;
            let is_lone = |word: &&str| {
                (is_flag_of_host && self.others.contains(word))
                    || (connects && (self.others.contains(word) || self.own.contains(word)))
            };
            self.known(text).or_else(|| self.called(text)).or_else(|| hosts_in(value).find(is_lone))
        })
    }

    /// The host of a URL, if that is not what the pod's own users call.
    fn called<'t>(&self, text: &'t str) -> Option<&'t str> {
        called(text)
            .filter(|(scheme, host)| !(PUBLIC.contains(scheme) && self.own.contains(host)))
            .map(|(_, host)| host)
    }

    /// A name below one of the cluster's or of a Service of the release, or another Service with a port or in a URL.
    fn known<'t>(&self, text: &'t str) -> Option<&'t str> {
        let is_reached = |word: &str| {
            text.match_indices(word).any(|(at, _)| {
                let (before, after) = (&text[..at], &text[at + word.len()..]);
                let has_port =
                    after.strip_prefix(':').is_some_and(|port| port.starts_with(|c: char| c.is_ascii_digit()));
                has_port || before.ends_with("://") || before.ends_with('@')
            })
        };
        hosts_in(text).find(|word| {
            let is_of_cluster = word.split('.').skip(1).any(|label| label == "svc");
            is_of_cluster || self.is_below_service(word) || (self.others.contains(word) && is_reached(word))
        })
    }

    /// Whether a name is `POD.SERVICE` or `SERVICE.NAMESPACE`: `SERVICE.example.com` is one of the world's.
    fn is_below_service(&self, word: &str) -> bool {
        let is_service = |label: &str| self.own.contains(&label) || self.others.contains(&label);
        match word.split('.').collect::<Vec<_>>().as_slice() {
            [service, ns] if *ns == self.namespace => is_service(service),
            [pod, service] => !pod.is_empty() && is_service(service),
            [_, service, ns] => *ns == self.namespace && is_service(service),
            _ => false,
        }
    }
}

/// The words of a text that may be hosts.
fn hosts_in(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || "-.".contains(c))).filter(|word| !word.is_empty())
}

/// The words of a script that may be programs.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c)))
}

/// `DB_HOST`, `--db-host` and `dbHost` are of the words `db` and `host`.
fn words_of(name: &str) -> Vec<String> {
    let mut spaced = String::new();
    let mut was_small = false;
    for c in name.chars() {
        let starts_word = c.is_ascii_uppercase() && was_small;
        spaced.extend(starts_word.then_some('_'));
        spaced.push(c.to_ascii_lowercase());
        was_small = c.is_ascii_lowercase();
    }
    let words = spaced
        .split(|c: char| !c.is_ascii_alphanumeric())
        .map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Whether a text is nothing but the name of a host outside the cluster.
fn is_outside(text: &str) -> bool {
    let host = text.split(':').next().unwrap_or_default();
    let is_name =
        |label: &str| label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') && !label.is_empty();
    let last = host.rsplit('.').next().unwrap_or_default();
    host.contains('.') && host.split('.').all(is_name) && last.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// The scheme and the host of a URL: a lone word is a Service of the pod's namespace, whoever makes it; one with dots counts where it cannot be the pod's own.
fn called(text: &str) -> Option<(&str, &str)> {
    text.match_indices("://").find_map(|(at, sign)| {
        let scheme = text[..at].rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let rest = &text[at + sign.len()..];
        let authority = rest.split(|c: char| c.is_whitespace() || "/?#\"',".contains(c)).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default();
        let is_lone = host.starts_with(|c: char| c.is_ascii_lowercase())
            && host.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && host != "localhost";
        let is_called = CALLED.contains(&scheme) && (is_lone || (!PUBLIC.contains(&scheme) && is_outside(host)));
        is_called.then_some((scheme, host))
    })
}
