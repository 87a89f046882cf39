//! What the chart renders to with one thing changed, beside what the same step renders to without that.

use chartgate_model::recording::{Moment, Recording, Variant};

use chartgate_k8s::typed::Object;

/// The first step's render, and its variants.
pub(super) struct Variants<'a> {
    /// What `helm template` made of the step that was varied.
    pub(super) base: Vec<&'a Object>,
    /// Index of that step.
    pub(super) step: usize,
    renders: Vec<(&'a Variant, Vec<&'a Object>)>,
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
    pub(super) fn find(&self, is_it: impl Fn(&Variant) -> bool) -> Option<(&'a Variant, &[&'a Object])> {
        let found = self.renders.iter().find(|(variant, _)| is_it(variant));
        found.map(|(variant, objects)| (*variant, objects.as_slice()))
    }

    /// All of them, in the order in which they were rendered.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'a Variant, &[&'a Object])> {
        self.renders.iter().map(|(variant, objects)| (*variant, objects.as_slice()))
    }

    /// The same once more: what differs is random.
    pub(super) fn repeated(&self) -> Option<&[&'a Object]> {
        self.find(|variant| *variant == Variant::Repeated).map(|(_, objects)| objects)
    }
}

/// The object of the same kind and name.
pub(super) fn same<'v, 'a>(objects: &'v [&'a Object], as_object: &Object) -> Option<&'v &'a Object> {
    objects.iter().find(|object| object.is_same(as_object))
}
