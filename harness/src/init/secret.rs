//! Secrets that a chart needs and does not make, and the servers that their keys speak of.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use chartgate_k8s::object::{items, kind, name, template, text};

/// The keys of a Secret, each with a template for its value.
pub type Secret = BTreeMap<String, &'static str>;

/// What a key holds that no name tells.
pub const UNKNOWN: &str = "{{random.32}}";

/// Words in the name of a variable or key that mean the address of a server, and what such a server is called.
const SERVERS: [(&str, &str); 4] = [
    ("DATABASE", "{{postgres.url}}"),
    ("POSTGRES", "{{postgres.url}}"),
    ("PG", "{{postgres.url}}"),
    ("REDIS", "{{redis.url}}"),
];

/// Adds the Secrets that pods need and nothing of the chart makes.
pub fn collect(objects: &[Value], needed: &mut BTreeMap<String, Secret>) {
    let made: BTreeSet<&str> = objects.iter().filter(|object| kind(object) == "Secret").map(name).collect();
    let mut of_all = BTreeMap::new();
    for pod in objects.iter().filter_map(template) {
        of_pod(pod, &mut of_all);
    }
    // A user makes the certificate of a host, or an operator does.
    let hosts = objects.iter().filter(|object| kind(object) == "Ingress").flat_map(|it| items(&it["spec"]["tls"]));
    for name in hosts.filter_map(|host| host["secretName"].as_str()) {
        let keys = ["tls.crt", "tls.key"].map(|key| (key.to_owned(), UNKNOWN));
        of_all.entry(name.to_owned()).or_default().extend(keys);
    }
    of_all.retain(|name: &String, _| !made.contains(name.as_str()));
    for (name, keys) in of_all {
        needed.entry(name).or_default().extend(keys);
    }
}

fn of_pod(pod: &Value, needed: &mut BTreeMap<String, Secret>) {
    let containers = items(&pod["spec"]["initContainers"]).chain(items(&pod["spec"]["containers"]));
    let is_needed = |source: &&Value| source["optional"] != true;
    for container in containers {
        for variable in items(&container["env"]) {
            let source = Some(&variable["valueFrom"]["secretKeyRef"]).filter(is_needed);
            if let Some((name, key)) =
                source.and_then(|source| Some((source["name"].as_str()?, source["key"].as_str()?)))
            {
                let value = value_of(text(&variable["name"]), key);
                needed.entry(name.to_owned()).or_default().insert(key.to_owned(), value);
            }
        }
        for source in items(&container["envFrom"]).map(|source| &source["secretRef"]).filter(is_needed) {
            needed.extend(
                source["name"]
                    .as_str()
                    .map(|name| (name.to_owned(), Secret::new()))
                    .filter(|(name, _)| !needed.contains_key(name)),
            );
        }
    }
    for volume in items(&pod["spec"]["volumes"]) {
        let projected = items(&volume["projected"]["sources"]).map(|source| (&source["secret"], "name"));
        for (source, field) in std::iter::once((&volume["secret"], "secretName")).chain(projected) {
            let Some(name) = source[field].as_str().filter(|_| source["optional"] != true) else { continue };
            let keys = needed.entry(name.to_owned()).or_default();
            let named = items(&source["items"]).filter_map(|item| item["key"].as_str());
            keys.extend(named.map(|key| (key.to_owned(), value_of("", key))));
        }
    }
}

/// What is put under a key: the address of a server that its name, or the variable's, speaks of; else something.
fn value_of(variable: &str, key: &str) -> &'static str {
    let words = |name: &str| name.to_uppercase().replace(['-', '.'], "_");
    for name in [words(variable), words(key)] {
        let parts: Vec<&str> = name.split('_').collect();
        let is_address = parts.iter().any(|part| ["URL", "URI", "DSN"].contains(part));
        let server = SERVERS.iter().find(|(word, _)| is_address && parts.contains(word));
        if let Some((_, template)) = server {
            return template;
        }
    }
    UNKNOWN
}

/// The servers that the values of Secrets are taken from.
pub fn servers(secrets: &BTreeMap<String, Secret>) -> BTreeSet<&'static str> {
    let templates = secrets.values().flat_map(BTreeMap::values);
    templates.filter_map(|template| template.strip_prefix("{{")?.strip_suffix(".url}}")).collect()
}
