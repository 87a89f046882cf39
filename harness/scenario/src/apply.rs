//! The step `apply`, as a scenario writes it.

use std::path::PathBuf;

use chartgate_k8s::object::{api_version, kind, name, namespace, slashed, title};
use chartgate_model::plan::{Action, Awaited, Outcome};
use chartgate_yaml::{Mistake, Spot};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::file::Values;
use super::manifest::read_manifests;
use super::scalar::Duration;
use super::within;

/// Objects that are created or changed beside the release, as by `kubectl apply --server-side`, and what is to come of them: what a
/// user, an operator or another team changes while the release runs.
///
/// Templates may stand in every text. `{{random.32}}` is another text each time: the same objects applied again are changed.
/// Those of namespaced kinds are in the release's namespace. Others, such as an operator's cluster-wide ones, only on a cluster of
/// the scenario's own, which `requires` gives it. What the API server refuses fails the step.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Apply")]
pub struct ApplyFile {
    /// A file of manifests or a folder of such files, relative to the scenario and in its repository or chart; in a folder `manifests` it is taken for no scenario.
    pub manifest: Option<PathBuf>,
    /// Objects, as in a manifest.
    #[serde(default)]
    pub objects: Vec<Values>,
    /// What is to come of them, each waited for; by default nothing.
    #[serde(default)]
    pub until: Vec<UntilFile>,
    /// How long all of it may take; by default the scenario's `timeout`.
    pub timeout: Option<Duration>,
}

/// Something that is waited for after objects were applied: a `condition` of an object, or that its content `changes`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Until")]
pub struct UntilFile {
    /// The object's kind.
    pub kind: String,
    /// The object's name; `{{release}}` may stand in it.
    pub name: String,
    /// A condition of its status that is to be `True`: `Ready`.
    pub condition: Option<String>,
    /// A field, by its path, that is to have another value than before the step: `data.PASSWORD`. One that was not there before is
    /// to be there.
    pub changes: Option<String>,
}

impl ApplyFile {
    /// As the plan holds it. What is wrong is refused, and not in it.
    pub(super) fn plan(&self, at: Spot) -> Action {
        let written: Vec<Value> = self.objects.iter().cloned().map(Value::Object).collect();
        for (index, object) in written.iter().enumerate() {
            check_object(at.key("objects").item(index), object);
        }
        let at_manifest = at.key("manifest");
        let file = self.manifest.as_ref().and_then(|relative| within::resolve(at_manifest, relative, "manifest"));
        let read = file.map(|file| read_manifests(&file));
        let read = read.transpose().unwrap_or_else(|error| {
            at_manifest.refuse(Mistake::new(&format!("{error:#}")));
            None
        });
        let read = read.unwrap_or_default();
        for object in &read {
            check_object(at_manifest, object);
        }
        if self.manifest.is_none() && written.is_empty() {
            let mistake = Mistake::new("`apply` has no object to apply");
            at.of_key().refuse(mistake.with_hint("name a `manifest:`, or write them under `objects:`"));
        }
        let until = self.until.iter().enumerate();
        let until = until.filter_map(|(index, until)| until.plan(at.key("until").item(index))).collect();
        Action::Apply { objects: written.into_iter().chain(read).collect(), until }
    }
}

/// Refuses an object that the API server could not take, or that lies where the scenario has no business.
fn check_object(at: Spot, object: &Value) {
    let required = [("apiVersion", api_version(object)), ("kind", kind(object)), ("metadata.name", name(object))];
    if let Some((field, _)) = required.into_iter().find(|(_, value)| value.is_empty()) {
        at.refuse(Mistake::new(&format!("an object of `apply` has no `{field}`")));
        return;
    }
    let title = title(object);
    match namespace(object) {
        None | Some("{{namespace}}") => {}
        Some(other) => {
            let mistake = Mistake::new(&format!("{title} is in the namespace `{other}`, which is not the release's"));
            let hint = "leave `namespace` out; what belongs elsewhere is for `requires`";
            at.key("metadata").key("namespace").refuse(mistake.with_hint(hint));
        }
    }
}

impl UntilFile {
    fn plan(&self, at: Spot) -> Option<Awaited> {
        let outcome = match (&self.condition, &self.changes) {
            (Some(condition), None) => Outcome::Condition(condition.clone()),
            (None, Some(path)) if path.split('.').all(|part| !part.is_empty()) => Outcome::Changes(path.clone()),
            (None, Some(path)) => {
                let mistake = Mistake::new(&format!("`{path}` is no path of a field"));
                let hint = "write the names of fields with dots between them: `data.PASSWORD`";
                at.key("changes").refuse(mistake.with_hint(hint));
                return None;
            }
            _ => {
                let of = slashed(&self.kind, &self.name);
                let what = format!("what is waited for of {of} is a `condition` or a field that `changes`");
                at.refuse(Mistake::new(&what));
                return None;
            }
        };
        Some(Awaited { kind: self.kind.clone(), name: self.name.clone(), outcome })
    }
}
