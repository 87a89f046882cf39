//! What exists at the moment at which helm runs the hooks of an event.

use chartgate_k8s::typed::Object;

/// The hooks of an event are about to run.
pub(super) struct HookEvent<'v, 'a> {
    pub(super) event: &'static str,
    /// What the step renders.
    pub(super) objects: &'v [&'a Object],
    /// What the step before rendered; `None`: the release is new, or nothing is known of it.
    pub(super) before: Option<&'v [&'a Object]>,
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
    pub(super) fn lack<'v>(&self, hook: &Object, made: &'v Object, key: Option<&'v str>) -> Option<Lack<'v>> {
        if !made.is_hook() {
            return self.lack_of_object(made, key);
        }
        let is_of_event = made.hook_events().contains(&self.event);
        // Helm sorts by weight, then by name; what a pod needs is made before a pod of the same name.
        if (is_of_event && rank(made) <= rank(hook)) || self.stayed(made) {
            return None;
        }
        Some(if is_of_event && made.weight() > hook.weight() {
            Lack::Heavier
        } else if is_of_event {
            Lack::AfterByName
        } else if made.goes_with_success() && self.ran_before(made) {
            Lack::Removed
        } else {
            Lack::NoHook
        })
    }

    fn lack_of_object<'v>(&self, made: &'v Object, key: Option<&'v str>) -> Option<Lack<'v>> {
        match self.event {
            "pre-install" => Some(Lack::Later),
            "pre-upgrade" => {
                let known = self.before?.iter().find(|object| object.is_same(made));
                let Some(known) = known else { return Some(Lack::New) };
                // Content that neither of the two shows is filled in by something else.
                let key = key.filter(|key| {
                    let old = known.data();
                    old.keys().next().is_some() && !old.has_key(key) && made.data().has_key(key)
                })?;
                Some(Lack::NewKey(key))
            }
            "post-delete" => (!made.is_kept()).then_some(Lack::Gone),
            _ => None,
        }
    }

    /// Whether a hook's object is left from an event before this one.
    fn stayed(&self, made: &Object) -> bool {
        !made.goes_with_success() && self.ran_before(made)
    }

    /// Whether a hook ran at an event before this one.
    fn ran_before(&self, made: &Object) -> bool {
        let now = LIFE.iter().position(|event| *event == self.event).unwrap_or_default();
        // A release need not have been upgraded or tested, and an earlier version need not have had the hook.
        let had = || self.before.is_none_or(|before| before.iter().any(|object| object.is_same(made)));
        let counts = |event: &&&str| match **event {
            "pre-install" | "post-install" => !self.event.ends_with("-upgrade") || had(),
            "pre-upgrade" => self.event == "post-upgrade",
            "pre-delete" => self.event == "post-delete",
            _ => false,
        };
        LIFE[..now].iter().filter(counts).any(|event| made.hook_events().contains(event))
    }
}

fn rank(hook: &Object) -> (i64, &str) {
    (hook.weight(), hook.name())
}
