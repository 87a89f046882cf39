//! Secrets that a chart needs and does not make, and the servers that their keys speak of.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use chartgate_k8s::object::{is_custom, items, kind, name, template, text};

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

/// The Secrets that something of the chart names which may make them as it runs: a custom resource, for an operator, a Job, or an
/// account that may change them.
pub fn made_later(objects: &[Value], needed: &BTreeMap<String, Secret>) -> BTreeSet<String> {
    let custom = objects.iter().filter(|object| is_custom(object));
    let jobs = objects.iter().filter(|object| ["Job", "CronJob"].contains(&kind(object))).filter_map(template);
    // What a Job reads must be there before it; what it names in its command it may make.
    let commands = jobs.flat_map(|pod| items(&pod["spec"]["containers"])).flat_map(|container| {
        let plain = items(&container["env"]).map(|variable| &variable["value"]);
        items(&container["command"]).chain(items(&container["args"])).chain(plain)
    });
    let annotated = objects.iter().filter(|object| kind(object) == "Ingress").filter(|ingress| {
        let annotations = ingress["metadata"]["annotations"].as_object();
        annotations.into_iter().flatten().any(|(key, _)| key.starts_with("cert-manager.io/"))
    });
    let certificates =
        annotated.flat_map(|ingress| items(&ingress["spec"]["tls"])).filter_map(|host| host["secretName"].as_str());
    let certificates: BTreeSet<&str> = certificates.collect();
    let rules = objects.iter().filter(|object| ["Role", "ClusterRole"].contains(&kind(object)));
    let rules = rules.flat_map(|role| items(&role["rules"])).filter(|rule| {
        let changes = |verb: &Value| ["create", "update", "patch", "*"].contains(&text(verb));
        items(&rule["verbs"]).any(changes) && items(&rule["resources"]).any(|resource| resource == "secrets")
    });
    let changeable: BTreeSet<&str> = rules.flat_map(|rule| items(&rule["resourceNames"])).map(text).collect();
    let texts: Vec<String> =
        custom.map(Value::to_string).chain(commands.filter_map(Value::as_str).map(str::to_owned)).collect();
    let is_named = |name: &&String| {
        [&certificates, &changeable].iter().any(|set| set.contains(name.as_str()))
            || texts.iter().any(|text| mentions(text, name))
    };
    needed.keys().filter(is_named).cloned().collect()
}

/// Whether a text has a name as a whole word.
fn mentions(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
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
