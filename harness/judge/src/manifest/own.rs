//! Which names belong to the release: they change with its name, so that nobody else can have made what has them.

use std::collections::BTreeSet;

use chartgate_model::plan::Plan;
use chartgate_model::recording::Variant;
use serde_json::Value;

use crate::variant::Variants;

/// Keys whose text names an object.
const NAMING: [&str; 5] = ["claimName", "priorityClassName", "secretName", "serviceAccountName", "serviceName"];
/// Keys of a value whose `name` names an object; that of a container or a port is a name within a pod.
const NAMED: [&str; 14] = [
    "backendRefs",
    "configMap",
    "configMapKeyRef",
    "configMapRef",
    "imagePullSecrets",
    "metadata",
    "roleRef",
    "scaleTargetRef",
    "secret",
    "secretKeyRef",
    "secretRef",
    "service",
    "subjects",
    "targetRef",
];

/// The release's name, and what the same chart names under another one.
pub(super) struct Names<'a> {
    release: &'a str,
    /// Names that objects have, or are referred to by, under the other name.
    elsewhere: BTreeSet<&'a str>,
    /// Keys and texts under the other name.
    pairs: BTreeSet<(&'a str, &'a str)>,
}

impl<'a> Names<'a> {
    /// What the plan makes before the first step is not the release's, whatever it is called.
    pub(super) fn of(plan: &'a Plan, variants: &Variants<'a>) -> Self {
        let release = plan.release.as_str();
        let elsewhere = plan.secrets.keys().map(String::as_str).collect();
        let mut names = Self { release, elsewhere, pairs: BTreeSet::new() };
        let renamed = variants.find(|variant| matches!(variant, Variant::Release { name } if name != release));
        for object in renamed.into_iter().flat_map(|(_, objects)| objects) {
            names.learn("", object.raw());
        }
        names
    }

    fn learn(&mut self, within: &'a str, value: &'a Value) {
        match value {
            Value::Array(list) => list.iter().for_each(|item| self.learn(within, item)),
            Value::Object(map) => {
                for (key, value) in map {
                    if let Some(text) = value.as_str() {
                        self.pairs.insert((key, text));
                        if NAMING.contains(&key.as_str()) || (key == "name" && NAMED.contains(&within)) {
                            self.elsewhere.insert(text);
                        }
                    }
                    self.learn(key, value);
                }
            }
            _ => {}
        }
    }

    pub(super) fn is_own(&self, name: &str) -> bool {
        self.has_release(name) && !self.elsewhere.contains(name)
    }

    pub(super) fn is_own_label(&self, key: &str, value: &str) -> bool {
        self.has_release(value) && !self.pairs.contains(&(key, value))
    }

    fn has_release(&self, text: &str) -> bool {
        !self.release.is_empty() && text.contains(self.release)
    }
}
