//! Secrets that a chart needs and does not make, and the servers that their keys speak of.

use std::collections::{BTreeMap, BTreeSet};

use chartgate_k8s::object::is_custom_group;
use chartgate_k8s::typed::rbac::rules;
use chartgate_k8s::typed::{Object, PodTemplate, ReferredFrom};
use k8s_openapi::api::networking::v1::{Ingress, IngressTLS};

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
pub fn collect(objects: &[Object], needed: &mut BTreeMap<String, Secret>) {
    let made: BTreeSet<&str> = objects.iter().filter(|object| object.kind() == "Secret").map(Object::name).collect();
    let mut of_all = BTreeMap::new();
    for pod in objects.iter().filter_map(Object::template) {
        of_pod(pod, &mut of_all);
    }
    // A user makes the certificate of a host, or an operator does.
    for name in objects.iter().flat_map(certificates) {
        let keys = ["tls.crt", "tls.key"].map(|key| (key.to_owned(), UNKNOWN));
        of_all.entry(name.to_owned()).or_default().extend(keys);
    }
    of_all.retain(|name: &String, _| !made.contains(name.as_str()));
    for (name, keys) in of_all {
        needed.entry(name).or_default().extend(keys);
    }
}

/// The Secrets that an Ingress takes certificates from.
fn certificates(object: &Object) -> impl Iterator<Item = &str> {
    let spec = object.typed::<Ingress>().and_then(|ingress| ingress.spec.as_ref());
    let hosts = spec.and_then(|spec| spec.tls.as_ref()).into_iter().flatten();
    hosts.filter_map(|host: &IngressTLS| host.secret_name.as_deref())
}

/// The Secrets that something of the chart names which may make them as it runs: a custom resource, for an operator, a Job, or an
/// account that may change them.
pub fn made_later(objects: &[Object], needed: &BTreeMap<String, Secret>) -> BTreeSet<String> {
    let custom = objects.iter().filter(|object| is_custom_group(object.group()));
    let jobs = objects.iter().filter(|object| ["Job", "CronJob"].contains(&object.kind()));
    let containers = jobs.filter_map(Object::template).flat_map(|pod| &pod.spec.containers);
    // What a Job reads must be there before it; what it names in its command it may make.
    let commands = containers.flat_map(|container| {
        let plain = container.env.iter().flatten().filter_map(|variable| variable.value.as_ref());
        container.command.iter().chain(&container.args).flatten().chain(plain)
    });
    let is_issued = |object: &&Object| object.annotations().keys().any(|key| key.starts_with("cert-manager.io/"));
    let certificates: BTreeSet<&str> = objects.iter().filter(is_issued).flat_map(certificates).collect();
    let writing = objects.iter().flat_map(rules).filter(|rule| {
        let changes = |verb: &String| ["create", "update", "patch", "*"].contains(&verb.as_str());
        rule.verbs.iter().any(changes) && rule.resources.iter().flatten().any(|resource| resource == "secrets")
    });
    let changeable: BTreeSet<&str> =
        writing.flat_map(|rule| rule.resource_names.iter().flatten()).map(String::as_str).collect();
    let texts: Vec<String> = custom.map(|object| object.raw().to_string()).chain(commands.cloned()).collect();
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

fn of_pod(pod: PodTemplate, needed: &mut BTreeMap<String, Secret>) {
    let references = pod.references().into_iter();
    for reference in references.filter(|reference| reference.kind == "Secret" && !reference.is_optional) {
        let variable = match reference.from {
            ReferredFrom::Variable { variable, .. } => variable,
            ReferredFrom::Environment { .. } | ReferredFrom::Volume { .. } => "",
        };
        let keys = reference.keys.into_iter().map(|key| (key.to_owned(), value_of(variable, key)));
        needed.entry(reference.name.to_owned()).or_default().extend(keys);
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
