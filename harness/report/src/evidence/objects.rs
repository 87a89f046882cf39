//! `objects/STEP/KIND-NAME.yaml`: every object that was there in a step, as it was last seen in it; what was deleted is there too.
//! `events.txt`: the events of the cluster in their order.

use anyhow::Result;
use chartgate_judge::track::{Sighting, Track};
use chartgate_model::recording::Change;

use super::super::explanation::moment;
use super::{Files, Span};
use chartgate_k8s::object::{kind, name, text};

pub(super) fn write(tracks: &[Track], steps: &[Span], files: &mut Files) -> Result<()> {
    for step in steps {
        let folder = format!("objects/{}", step.name);
        for track in tracks.iter().filter(|track| kind(track.last()) != "Event") {
            let seen = track.sightings.iter().rev().find(|sighting| sighting.seq <= step.to);
            let gone_before = |at: &&Sighting| at.change == Change::Deleted && at.seq < step.from;
            if let Some(seen) = seen.filter(|seen| !gone_before(seen)) {
                let title = format!("{}-{}", kind(seen.object).to_lowercase(), name(seen.object));
                files.yaml(&folder, &title, [seen.object])?;
            }
        }
    }
    Ok(())
}

/// The events of the cluster, a line for each time that one was seen.
pub(super) fn events(tracks: &[Track]) -> Vec<String> {
    let events = tracks.iter().filter(|track| kind(track.last()) == "Event");
    let sightings = events.flat_map(|track| &track.sightings).filter(|sighting| sighting.change != Change::Deleted);
    let mut sightings: Vec<_> = sightings.collect();
    sightings.sort_by_key(|sighting| sighting.seq);
    let line = |sighting: &&Sighting| {
        let (event, about) = (sighting.object, &sighting.object["involvedObject"]);
        let times = event["count"].as_u64().filter(|count| *count > 1);
        let times = times.map_or(String::new(), |count| format!(" ({count} times)"));
        let message = text(&event["message"]).lines().map(str::trim).collect::<Vec<_>>().join(" ");
        format!(
            "{:>10}  {:<7}  {:<20}  {} {}: {message}{times}",
            moment(sighting.at),
            text(&event["type"]),
            text(&event["reason"]),
            text(&about["kind"]),
            text(&about["name"]),
        )
    };
    sightings.iter().map(line).collect()
}
