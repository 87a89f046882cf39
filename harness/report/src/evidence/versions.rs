//! `versions.yaml`: what took part, so that somebody else can do the same again.

use std::collections::BTreeMap;

use anyhow::Result;
use chartgate_model::recording::{Moment, Recording};
use serde_json::{Map, Value, json};

use super::Files;
use chartgate_k8s::object::{items, text};

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
    for pod in recording.objects.values().filter(|object| object["kind"] == "Pod") {
        for (containers, statuses) in [("initContainers", "initContainerStatuses"), ("containers", "containerStatuses")]
        {
            for container in items(&pod["spec"][containers]) {
                let digests = images.entry(text(&container["image"])).or_default();
                let ran = items(&pod["status"][statuses]).filter(|status| status["name"] == container["name"]);
                digests.extend(ran.map(|status| text(&status["imageID"])).filter(|id| !id.is_empty()));
            }
        }
    }
    for digests in images.values_mut() {
        digests.sort_unstable();
        digests.dedup();
    }
    images
}
