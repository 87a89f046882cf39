//! The objects of a manifest, the template of each, and the keys that it has twice.

use anyhow::Result;
use serde_json::Value;

use crate::manifest::{Printed, RepeatedKey, printed};

/// The objects of a manifest, and what its text shows beside them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    /// The objects, in the manifest's order.
    pub objects: Vec<Value>,
    /// Path of the template that made the object of the same index, as helm names it: `CHART/templates/FILE`.
    pub sources: Vec<Option<String>>,
    /// The keys that a mapping of the object of the same index has twice.
    pub repeated: Vec<Vec<RepeatedKey>>,
}

impl Manifest {
    /// Reads the non-empty documents of a manifest as helm does; a `List` stands for its items.
    ///
    /// # Errors
    /// If a document is not YAML; the error names the template that made it, where helm does.
    pub fn read(text: &str) -> Result<Self> {
        let mut manifest = Self::default();
        for document in printed(text)? {
            manifest.add(document);
        }
        Ok(manifest)
    }

    /// A manifest of one template, such as a hook's, of which helm tells the path elsewhere.
    ///
    /// # Errors
    /// If it is not YAML.
    pub fn of_template(text: &str, template: &str) -> Result<Self> {
        let mut manifest = Self::read(text)?;
        let named = Some(template).filter(|template| !template.is_empty()).map(str::to_owned);
        manifest.sources.iter_mut().for_each(|source| *source = source.take().or(named.clone()));
        Ok(manifest)
    }

    /// Each object with the template that made it.
    pub fn with_sources(&self) -> impl Iterator<Item = (&Value, Option<&str>)> {
        self.objects.iter().zip(self.sources.iter().map(Option::as_deref))
    }

    /// Adds what another manifest holds.
    pub fn extend(&mut self, other: Self) {
        self.objects.extend(other.objects);
        self.sources.extend(other.sources);
        self.repeated.extend(other.repeated);
    }

    fn add(&mut self, Printed { object, source, repeated }: Printed) {
        let objects = match object {
            mut list if is_list(&list) => match list["items"].take() {
                Value::Array(items) => items,
                _ => Vec::new(),
            },
            object => vec![object],
        };
        self.sources.extend(objects.iter().map(|_| source.clone()));
        self.repeated.extend(objects.iter().map(|_| repeated.clone()));
        self.objects.extend(objects);
    }
}

/// Whether an object stands for others: a `List`, or that of one kind, such as a `RoleBindingList`.
fn is_list(object: &Value) -> bool {
    object["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) && object["items"].is_array()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn objects(text: &str) -> Vec<Value> {
        Manifest::read(text).unwrap().objects
    }

    /// A failure would mean that labels which a chart writes once and refers to are not seen, or a key that looks like a number.
    #[test]
    fn a_manifest_with_anchors_means_what_it_means_to_helm() {
        let text = "spec: {selector: &own {app: a, b: c}}\nlabels: {<<: *own, b: d, 8080: b}\n---\nkind: Service\n";
        let objects = objects(text);
        assert_eq!(objects[0]["labels"], json!({"app": "a", "b": "d", "8080": "b"}));
        assert_eq!(objects[1]["kind"], "Service");
    }

    /// A failure would mean that a chart is refused which helm installs.
    #[test]
    fn of_equal_keys_the_last_one_counts_also_beside_a_script_with_a_merge_in_it() {
        let text = "kind: ConfigMap\ndata:\n  script: \"cat <<: x\"\n  a: \"1\"\n  a: \"2\"\n";
        assert_eq!(objects(text)[0]["data"], json!({"script": "cat <<: x", "a": "2"}));
    }

    /// A failure would mean that a chart's empty templates count as objects.
    #[test]
    fn empty_documents_are_no_objects() {
        let manifest = "---\n# only a comment\n---\nkind: Service\n---\nkind: RoleList\nitems: [{kind: Role}]\n---\nkind: List\nitems: [{kind: Pod}]\n";
        let kinds: Vec<_> = objects(manifest).iter().map(|object| object["kind"].clone()).collect();
        assert_eq!(kinds, ["Service", "Role", "Pod"]);
    }

    /// A failure would mean that nobody learns which template an object comes from, or which one makes no YAML.
    #[test]
    fn each_object_has_the_template_that_helm_names_above_it() {
        let text = "---\n# Source: shop/templates/web.yaml\nkind: List\nitems: [{kind: A}, {kind: B}]\n---\nkind: C\n";
        let manifest = Manifest::read(text).unwrap();
        let web = Some("shop/templates/web.yaml");
        assert_eq!(manifest.with_sources().map(|(_, source)| source).collect::<Vec<_>>(), [web, web, None]);
        let hook = Manifest::of_template("kind: Job\n", "shop/templates/job.yaml").unwrap();
        assert_eq!(hook.with_sources().next().unwrap().1, Some("shop/templates/job.yaml"));
        let error = Manifest::read("---\n# Source: shop/templates/web.yaml\na: b: c\n").unwrap_err();
        assert!(format!("{error:#}").starts_with("parse what `shop/templates/web.yaml` renders: "), "{error:#}");
    }
}
