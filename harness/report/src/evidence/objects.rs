//! `objects/STEP/KIND-NAME.yaml`: every object that was there in a step, as it was last seen in it; what was deleted is there too.
//! `events.txt`: the events of the cluster in their order.

use std::collections::HashMap;

use anyhow::Result;
use chartgate_judge::track::{Sighting, Track};
use chartgate_model::recording::Change;
use serde_json::Value;

use super::super::explanation::moment;
use super::{Files, Span};

pub(super) fn write(tracks: &[Track], steps: &[Span], files: &mut Files) -> Result<()> {
    // What does not change from step to step is the same object in each.
    let mut known: HashMap<*const Value, String> = HashMap::new();
    for step in steps {
        let folder = format!("objects/{}", step.name);
        for track in tracks.iter().filter(|track| track.last().kind() != "Event") {
            let seen = track.sightings.iter().rev().find(|sighting| sighting.seq <= step.to);
            let gone_before = |at: &&Sighting| at.change == Change::Deleted && at.seq < step.from;
            if let Some(seen) = seen.filter(|seen| !gone_before(seen)) {
                let title = format!("{}-{}", seen.object.kind().to_lowercase(), seen.object.name());
                let text = known.entry(std::ptr::from_ref(seen.object.raw()));
                let text = text.or_insert_with(|| chartgate_yaml::text(seen.object.raw()));
                files.put(&folder, &title, ".yaml", text)?;
            }
        }
    }
    Ok(())
}

/// The events of the cluster, a line for each time that one was seen.
pub(super) fn events(tracks: &[Track]) -> Vec<String> {
    let events = tracks.iter().flat_map(|track| &track.sightings);
    let mut sightings: Vec<_> = events.filter(|sighting| sighting.change != Change::Deleted).collect();
    sightings.sort_by_key(|sighting| sighting.seq);
    let line = |sighting: &&Sighting| {
        let said = sighting.object.said()?;
        let times = if said.count() > 1 { format!(" ({} times)", said.count()) } else { String::new() };
        let message = said.message().lines().map(str::trim).collect::<Vec<_>>().join(" ");
        Some(format!(
            "{:>10}  {:<7}  {:<20}  {} {}: {message}{times}",
            moment(sighting.at),
            said.type_(),
            said.reason(),
            said.about_kind(),
            said.about_name(),
        ))
    };
    sightings.iter().filter_map(line).collect()
}
