//! How many pods there are, and how they follow each other.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::objects::Objects;
use crate::operator::MARK;

/// The names of what is scaled by an autoscaler, and the least number of pods.
fn autoscaled(objects: &Objects) -> BTreeMap<String, i32> {
    let scalers = objects.all::<HorizontalPodAutoscaler>().into_iter().filter_map(|it| it.spec);
    scalers.map(|spec| (spec.scale_target_ref.name, spec.min_replicas.unwrap_or(1))).collect()
}

pub(crate) fn fixed_beside_an_autoscaler(objects: &mut Objects) {
    let scaled = autoscaled(objects);
    objects.each::<Deployment>(|it| {
        let least = it.metadata.name.as_ref().and_then(|name| scaled.get(name));
        if let (Some(spec), Some(least)) = (&mut it.spec, least) {
            spec.replicas = spec.replicas.or(Some(*least));
        }
    });
}

pub(crate) fn doubled(objects: &mut Objects) {
    let scaled = autoscaled(objects);
    let is_single = |name: &Option<String>, replicas: Option<i32>| {
        replicas.is_none_or(|count| count == 1) && name.as_ref().is_some_and(|name| !scaled.contains_key(name))
    };
    objects.each::<Deployment>(|it| {
        if let Some(spec) = it.spec.as_mut().filter(|spec| is_single(&it.metadata.name, spec.replicas)) {
            spec.replicas = Some(2);
        }
    });
    objects.each::<StatefulSet>(|it| {
        if let Some(spec) = it.spec.as_mut().filter(|spec| is_single(&it.metadata.name, spec.replicas)) {
            spec.replicas = Some(2);
        }
    });
}

/// The old pods go before the new ones are ready.
pub(crate) fn rolled_the_other_way(objects: &mut Objects) {
    objects.each::<Deployment>(|it| {
        let strategy = it.spec.as_mut().and_then(|spec| spec.strategy.as_mut());
        if let Some(rolling) = strategy.and_then(|strategy| strategy.rolling_update.as_mut()) {
            std::mem::swap(&mut rolling.max_surge, &mut rolling.max_unavailable);
        }
    });
}

pub(crate) fn with_a_budget_of_nothing(objects: &mut Objects) {
    objects.each::<PodDisruptionBudget>(|it| {
        if let Some(spec) = &mut it.spec {
            (spec.min_available, spec.max_unavailable) = (None, Some(IntOrString::Int(0)));
        }
    });
}

pub(crate) fn with_a_budget_for_nobody(objects: &mut Objects) {
    objects.each::<PodDisruptionBudget>(|it| select_nothing(it.spec.as_mut().and_then(|spec| spec.selector.as_mut())));
}

fn select_nothing(selector: Option<&mut LabelSelector>) {
    if let Some(selector) = selector {
        selector.match_labels.get_or_insert_with(BTreeMap::new).insert(MARK.to_owned(), "none".to_owned());
    }
}

pub(crate) fn scaling_another_target(objects: &mut Objects) {
    objects.each::<HorizontalPodAutoscaler>(|it| {
        if let Some(spec) = &mut it.spec {
            spec.scale_target_ref.name.push_str("-gone");
        }
    });
}
