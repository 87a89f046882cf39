//! What the chart renders to with one thing changed, beside what the same step renders to without that.

use chartgate_model::recording::{Moment, Recording, Variant};
use serde_json::Value;

use chartgate_k8s::object::is_same;

/// The first step's render, and its variants.
pub(super) struct Variants<'a> {
    /// What `helm template` made of the step that was varied.
    pub(super) base: Vec<&'a Value>,
    /// Index of that step.
    pub(super) step: usize,
    renders: Vec<(&'a Variant, Vec<&'a Value>)>,
}

impl<'a> Variants<'a> {
    /// Those that helm did not refuse.
    pub(super) fn of(recording: &'a Recording) -> Self {
        let objects = |hashes: &'a [String]| hashes.iter().map(|hash| recording.object(hash)).collect::<Vec<_>>();
        let mut variants = Self { base: Vec::new(), step: 0, renders: Vec::new() };
        for entry in &recording.entries {
            if let Moment::Variant { step, variant, error: None, objects: hashes } = &entry.moment {
                variants.step = *step;
                variants.renders.push((variant, objects(hashes)));
            }
        }
        let base = recording.entries.iter().find_map(|entry| match &entry.moment {
            Moment::Rendered { step, error: None, objects, .. } if *step == variants.step => Some(objects),
            _ => None,
        });
        variants.base = base.map(|hashes| objects(hashes)).unwrap_or_default();
        variants
    }

    /// A variant, where it was rendered.
    pub(super) fn find(&self, is_it: impl Fn(&Variant) -> bool) -> Option<(&'a Variant, &[&'a Value])> {
        let found = self.renders.iter().find(|(variant, _)| is_it(variant));
        found.map(|(variant, objects)| (*variant, objects.as_slice()))
    }

    /// All of them, in the order in which they were rendered.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'a Variant, &[&'a Value])> {
        self.renders.iter().map(|(variant, objects)| (*variant, objects.as_slice()))
    }

    /// The same once more: what differs is random.
    pub(super) fn repeated(&self) -> Option<&[&'a Value]> {
        self.find(|variant| *variant == Variant::Repeated).map(|(_, objects)| objects)
    }
}

/// The object of the same kind and name.
pub(super) fn same<'v, 'a>(objects: &'v [&'a Value], as_object: &Value) -> Option<&'v &'a Value> {
    objects.iter().find(|object| is_same(object, as_object))
}
