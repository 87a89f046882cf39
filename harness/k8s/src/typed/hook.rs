//! What Helm reads of an object's annotations.

use super::Object;

impl Object {
    /// The events of a hook; none for an object that is no hook.
    pub fn hook_events(&self) -> Vec<&str> {
        // Helm still takes the name that tests had before.
        let events = self.listed("helm.sh/hook").into_iter();
        events.map(|event| if event == "test-success" { "test" } else { event }).collect()
    }

    /// Whether Helm runs it as a hook.
    pub fn is_hook(&self) -> bool {
        !self.hook_events().is_empty()
    }

    /// The weight of a hook.
    pub fn weight(&self) -> i64 {
        self.annotation("helm.sh/hook-weight").parse().unwrap_or_default()
    }

    /// The policies by which helm removes a hook: `before-hook-creation` where none is given.
    pub fn delete_policies(&self) -> Vec<&str> {
        let given = self.listed("helm.sh/hook-delete-policy");
        if given.is_empty() { vec!["before-hook-creation"] } else { given }
    }

    /// Whether helm removes a hook once the hooks of its event have succeeded.
    pub fn goes_with_success(&self) -> bool {
        self.delete_policies().contains(&"hook-succeeded")
    }

    /// Whether helm leaves it where a release no longer has it.
    pub fn is_kept(&self) -> bool {
        self.annotation("helm.sh/resource-policy") == "keep"
    }

    /// The parts of an annotation that holds several.
    fn listed(&self, annotation: &str) -> Vec<&str> {
        self.annotation(annotation).split(',').map(str::trim).filter(|part| !part.is_empty()).collect()
    }
}
