//! Secrets, `ConfigMap`s and claims that a program of the release would have made, had it run.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use chartgate_base::random;
use chartgate_cluster::api;
use chartgate_k8s::object::PLACEHOLDER;
use chartgate_k8s::typed::rbac::{role_of, rules};
use chartgate_k8s::typed::{Object, Reference};
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::api::PostParams;
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::certificate::Certificate;
use crate::record::{Moment, Timeline};
use crate::run::apply::Kinds;
use crate::run::stage::Stage;

/// An object that pods need and nothing renders.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Needed {
    kind: &'static str,
    name: String,
}

/// Makes what a step's pods need and what is neither rendered nor there, where a program of the release may have made it.
pub(super) async fn make(rendered: &[Value], stage: &Stage, timeline: &Timeline) -> Result<()> {
    let rendered: Vec<Object> = rendered.iter().cloned().map(Object::from).collect();
    for (needed, keys) in needed(&rendered) {
        if stage.namespace.get(needed.kind, &needed.name).is_some() {
            continue;
        }
        let Some(maker) = maker(&rendered, &needed) else { continue };
        let object = placeholder(&needed, &keys, &stage.ns)?;
        timeline.learn(&object);
        let kinds = Kinds::of(&stage.client, std::slice::from_ref(&object)).await?;
        let known = kinds.of_object(&object).context("find the kind of a placeholder")?;
        let made: DynamicObject = serde_json::from_value(object.clone()).context("describe a placeholder")?;
        let created = api(&stage.client, known, &stage.ns).create(&PostParams::default(), &made).await;
        created.with_context(|| format!("make the placeholder {}", Object::from(object.clone()).slashed()))?;
        let what = format!("{}/{} is there, with invented content: {maker}", needed.kind.to_lowercase(), needed.name);
        timeline.append(Moment::Assumed { what });
    }
    Ok(())
}

/// What pods refer to and nothing renders, with the keys that they read.
fn needed(rendered: &[Object]) -> BTreeMap<Needed, BTreeSet<String>> {
    let is_rendered = |needed: &Needed| rendered.iter().any(|it| it.kind() == needed.kind && it.name() == needed.name);
    let mut all: BTreeMap<Needed, BTreeSet<String>> = BTreeMap::new();
    for pod in rendered.iter().filter_map(Object::template) {
        for Reference { kind, name, keys, .. } in pod.references().into_iter().filter(|it| !it.is_optional) {
            let needed = Needed { kind, name: name.to_owned() };
            all.entry(needed).or_default().extend(keys.into_iter().map(str::to_owned));
        }
        for claim in pod.claims() {
            all.entry(Needed { kind: "PersistentVolumeClaim", name: claim.to_owned() }).or_default();
        }
    }
    all.retain(|needed, _| !is_rendered(needed));
    all
}

/// Who would have made it, in words; `None`: nothing of the release could, so it is the chart's to explain.
fn maker(rendered: &[Object], needed: &Needed) -> Option<String> {
    let naming = |object: &&Object| {
        is_custom(object) && (mentions(object.raw_spec(), &needed.name) || object.name() == needed.name)
    };
    if let Some(object) = rendered.iter().find(naming) {
        return Some(format!("{} names it", object.slashed()));
    }
    let creator = rendered.iter().find(|role| may_create(role, needed.kind) && is_bound(rendered, role));
    let is_almighty = |binding: &&Object| role_of(binding).is_some_and(|role| BUILT_IN.contains(&role.name.as_str()));
    let creator = creator.or_else(|| rendered.iter().find(is_almighty));
    creator.map(|role| format!("{} lets a program of the release make one", role.slashed()))
}

/// Whether the object is of a kind that is not Kubernetes' own: a controller does what it says.
fn is_custom(object: &Object) -> bool {
    let group = object.group();
    group.contains('.') && !group.ends_with(".k8s.io") && !object.is_hook()
}

fn mentions(value: &Value, name: &str) -> bool {
    match value {
        Value::String(text) => text == name,
        Value::Array(items) => items.iter().any(|item| mentions(item, name)),
        Value::Object(fields) => fields.values().any(|field| mentions(field, name)),
        _ => false,
    }
}

fn may_create(role: &Object, of_kind: &str) -> bool {
    let plural = format!("{}s", of_kind.to_lowercase());
    let has = |list: Option<&Vec<String>>, wanted: &[&str]| {
        list.is_some_and(|list| list.iter().any(|item| wanted.contains(&item.as_str())))
    };
    let grants = |rule: &PolicyRule| {
        has(rule.api_groups.as_ref(), &["", "*"])
            && has(rule.resources.as_ref(), &[&plural, "*"])
            && has(Some(&rule.verbs), &["create", "patch", "*"])
    };
    rules(role).iter().any(grants)
}

/// Kubernetes' own roles that may create anything in a namespace.
const BUILT_IN: [&str; 3] = ["cluster-admin", "admin", "edit"];

/// Whether someone has the role.
fn is_bound(rendered: &[Object], role: &Object) -> bool {
    let bound = rendered.iter().filter_map(role_of);
    bound.into_iter().any(|bound| bound.kind == role.kind() && bound.name == role.name())
}

/// The object with a value for each key that is read. What is mounted whole gets the keys of a certificate.
fn placeholder(needed: &Needed, keys: &BTreeSet<String>, ns: &str) -> Result<Value> {
    let metadata = json!({"name": needed.name, "labels": {PLACEHOLDER: "true"}});
    if needed.kind == "PersistentVolumeClaim" {
        let spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}});
        return Ok(json!({"apiVersion": "v1", "kind": needed.kind, "metadata": metadata, "spec": spec}));
    }
    let certificate = Certificate::of(&format!("{}.{ns}.svc", needed.name))?;
    let of_tls = [("ca.crt", &certificate.authority), ("tls.crt", &certificate.signed), ("tls.key", &certificate.key)];
    let mut data: BTreeMap<&str, String> = keys.iter().map(|key| (key.as_str(), random::text(16))).collect();
    let is_secret = needed.kind == "Secret";
    let wanted = |key: &str| keys.contains(key) || (keys.is_empty() && is_secret);
    data.extend(of_tls.into_iter().filter(|(key, _)| wanted(key)).map(|(key, value)| (key, value.clone())));
    let field = if is_secret { "stringData" } else { "data" };
    Ok(json!({"apiVersion": "v1", "kind": needed.kind, "metadata": metadata, field: data}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment() -> Object {
        let env = json!([{"name": "P", "valueFrom": {"secretKeyRef": {"name": "shop-db", "key": "password"}}}]);
        let volumes = json!([
            {"name": "tls", "secret": {"secretName": "shop-tls"}},
            {"name": "ca", "configMap": {"name": "shop-ca", "optional": true}},
            {"name": "conf", "configMap": {"name": "shop-conf"}},
        ]);
        let spec = json!({"containers": [{"name": "web", "env": env}], "volumes": volumes});
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}, "spec": {"template": {"spec": spec}}}).into()
    }

    fn role(verbs: &[&str]) -> [Object; 2] {
        let rules = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": verbs}]);
        let role_ref = json!({"kind": "Role", "name": "shop-init"});
        [
            json!({"kind": "Role", "metadata": {"name": "shop-init"}, "rules": rules}).into(),
            json!({"kind": "RoleBinding", "metadata": {"name": "shop-init"}, "roleRef": role_ref}).into(),
        ]
    }

    fn secret(name: &str) -> Needed {
        Needed { kind: "Secret", name: name.to_owned() }
    }

    /// A failure would mean that a pod waits for a key that its program's Secret would have had.
    #[test]
    fn what_pods_read_and_nothing_renders_is_needed() {
        let conf = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shop-conf"}}).into();
        let needed = needed(&[deployment(), conf]);
        let keys = |name: &str| needed.get(&secret(name)).map(|keys| keys.iter().cloned().collect::<Vec<_>>());
        assert_eq!(keys("shop-db"), Some(vec!["password".to_owned()]));
        assert_eq!(keys("shop-tls"), Some(Vec::new()));
        assert_eq!(needed.len(), 2, "{needed:?}");
    }

    /// A failure would mean that a Secret which nobody makes passes because of stub images.
    #[test]
    fn only_what_a_program_of_the_release_may_make_is_assumed() {
        let with = |more: &[Object]| maker(&[&[deployment()], more].concat(), &secret("shop-db"));
        assert_eq!(with(&[]), None);
        assert_eq!(with(&role(&["get"])), None);
        assert_eq!(with(&role(&["create"])[..1]), None, "nobody has the role");
        assert!(with(&role(&["create"])).is_some_and(|who| who.contains("shop-init")));
        let spec = json!({"target": {"name": "shop-db"}});
        let custom = json!({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": "x"}, "spec": spec}).into();
        assert!(with(&[custom]).is_some_and(|who| who.contains("names it")));
    }

    /// A failure would mean that a server of the release's cannot show a certificate.
    #[test]
    fn a_secret_that_is_mounted_whole_holds_a_certificate() {
        let made = placeholder(&secret("shop-tls"), &BTreeSet::new(), "shop").unwrap();
        assert!(made["stringData"]["tls.crt"].as_str().is_some_and(|pem| pem.starts_with("-----BEGIN CERTIFICATE")));
        let made = placeholder(&secret("shop-db"), &BTreeSet::from(["password".to_owned()]), "shop").unwrap();
        assert_eq!(made["stringData"].as_object().unwrap().keys().collect::<Vec<_>>(), ["password"]);
    }
}
