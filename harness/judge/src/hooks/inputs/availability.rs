//! What exists at the moment at which helm runs the hooks of an event.

use serde_json::Value;

use chartgate_k8s::object::{delete_policies, hook_events, is_hook, is_same, name, weight};

/// The hooks of an event are about to run.
pub(super) struct HookEvent<'v, 'a> {
    pub(super) event: &'static str,
    /// What the step renders.
    pub(super) objects: &'v [&'a Value],
    /// What the step before rendered; `None`: the release is new, or nothing is known of it.
    pub(super) before: Option<&'v [&'a Value]>,
}

/// Why an object is not there for a hook that needs it.
pub(super) enum Lack<'v> {
    /// The release makes it after its pre-install hooks.
    Later,
    /// An upgrade brings it, after its pre-upgrade hooks.
    New,
    /// An upgrade brings this key of it, after its pre-upgrade hooks.
    NewKey(&'v str),
    /// The uninstall has removed it.
    Gone,
    /// It is a hook that was removed when its event was over.
    Removed,
    /// It is a hook of other events alone.
    NoHook,
    /// It is a hook of a higher weight.
    Heavier,
    /// It is a hook of the same weight, whose name comes later.
    AfterByName,
}

/// The events of a release's life, in their order.
const LIFE: [&str; 7] =
    ["pre-install", "post-install", "pre-upgrade", "post-upgrade", "test", "pre-delete", "post-delete"];

impl HookEvent<'_, '_> {
    /// Why `made` (with the key that is needed of it) is not there for `hook`; `None`: it is.
    pub(super) fn lack<'v>(&self, hook: &Value, made: &'v Value, key: Option<&'v str>) -> Option<Lack<'v>> {
        if !is_hook(made) {
            return self.lack_of_object(made, key);
        }
        let is_of_event = hook_events(made).contains(&self.event);
        // Helm sorts by weight, then by name; what a pod needs is made before a pod of the same name.
        if (is_of_event && rank(made) <= rank(hook)) || self.stayed(made) {
            return None;
        }
        Some(if is_of_event && weight(made) > weight(hook) {
            Lack::Heavier
        } else if is_of_event {
            Lack::AfterByName
        } else if is_removed(made) && self.ran_before(made) {
            Lack::Removed
        } else {
            Lack::NoHook
        })
    }

    fn lack_of_object<'v>(&self, made: &'v Value, key: Option<&'v str>) -> Option<Lack<'v>> {
        match self.event {
            "pre-install" => Some(Lack::Later),
            "pre-upgrade" => {
                let known = self.before?.iter().find(|object| is_same(object, made));
                let Some(known) = known else { return Some(Lack::New) };
                // Content that neither of the two shows is filled in by something else.
                let key = key.filter(|key| has_content(known) && !has_key(known, key) && has_key(made, key))?;
                Some(Lack::NewKey(key))
            }
            "post-delete" => {
                (made["metadata"]["annotations"]["helm.sh/resource-policy"] != "keep").then_some(Lack::Gone)
            }
            _ => None,
        }
    }

    /// Whether a hook's object is left from an event before this one.
    fn stayed(&self, made: &Value) -> bool {
        !is_removed(made) && self.ran_before(made)
    }

    /// Whether a hook ran at an event before this one.
    fn ran_before(&self, made: &Value) -> bool {
        let now = LIFE.iter().position(|event| *event == self.event).unwrap_or_default();
        // A release need not have been upgraded or tested, and an earlier version need not have had the hook.
        let had = || self.before.is_none_or(|before| before.iter().any(|object| is_same(object, made)));
        let counts = |event: &&&str| match **event {
            "pre-install" | "post-install" => !self.event.ends_with("-upgrade") || had(),
            "pre-upgrade" => self.event == "post-upgrade",
            "pre-delete" => self.event == "post-delete",
            _ => false,
        };
        LIFE[..now].iter().filter(counts).any(|event| hook_events(made).contains(event))
    }
}

fn rank(hook: &Value) -> (i64, &str) {
    (weight(hook), name(hook))
}

fn is_removed(hook: &Value) -> bool {
    delete_policies(hook).contains(&"hook-succeeded")
}

/// The fields of a ConfigMap or Secret that hold keys.
const CONTENT: [&str; 3] = ["data", "stringData", "binaryData"];

fn has_content(object: &Value) -> bool {
    CONTENT.iter().any(|field| object[*field].as_object().is_some_and(|map| !map.is_empty()))
}

fn has_key(object: &Value, key: &str) -> bool {
    CONTENT.iter().any(|field| !object[*field][key].is_null())
}
