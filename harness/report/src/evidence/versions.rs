//! `versions.yaml`: what took part, so that somebody else can do the same again.

use std::collections::BTreeMap;

use anyhow::Result;
use chartgate_k8s::typed::OrEmpty;
use chartgate_model::recording::{Moment, Recording};
use serde_json::{Map, Value, json};

use super::Files;

pub(super) fn write(recording: &Recording, files: &mut Files) -> Result<()> {
    let plan = &recording.plan;
    let mut versions = Map::new();
    for entry in &recording.entries {
        if let Moment::Started { format, versions: seen, .. } = &entry.moment {
            versions.extend(seen.iter().map(|(name, version)| (name.clone(), json!(version))));
            versions.insert("recording".to_owned(), json!(format));
            versions.insert("day".to_owned(), json!(recording.day()));
        }
    }
    let chart = json!({"name": plan.chart.name, "version": plan.chart.version, "appVersion": plan.chart.app_version});
    versions.insert("chart".to_owned(), chart);
    if !plan.from.is_empty() {
        versions.insert("from".to_owned(), plan.from.iter().map(|origin| json!(origin.title())).collect());
    }
    versions.insert("images".to_owned(), json!(images(recording)));
    files.yaml("", "versions", [&Value::Object(versions)])
}

/// What the nodes made of each image's name: the digests that its containers ran.
fn images(recording: &Recording) -> BTreeMap<&str, Vec<&str>> {
    let mut images: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for object in recording.objects.values() {
        for container in object.pod().into_iter().flat_map(|pod| pod.containers()) {
            let digests = images.entry(container.image.or_empty()).or_default();
            let ran = object.statuses().filter(|status| status.name == container.name);
            digests.extend(ran.map(|status| status.image_id.as_str()).filter(|id| !id.is_empty()));
        }
    }
    for digests in images.values_mut() {
        digests.sort_unstable();
        digests.dedup();
    }
    images
}
