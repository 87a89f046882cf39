//! One object of the cluster over time.

use std::collections::BTreeMap;

use chartgate_model::recording::{Change, Moment, Recording};

use super::Evidence;
use chartgate_k8s::object::slashed;
use chartgate_k8s::typed::Object;

/// An object at a moment.
#[derive(Clone, Copy)]
pub struct Sighting<'a> {
    pub seq: u64,
    pub at: u64,
    pub change: Change,
    pub object: &'a Object,
}

/// One object, by its uid, from its first sighting to its last.
pub struct Track<'a> {
    pub sightings: Vec<Sighting<'a>>,
    /// It was not listed again after this moment, so it is gone since then at the latest.
    lost: Option<u64>,
}

impl Sighting<'_> {
    /// The API server's own order of changes.
    pub fn version(&self) -> Option<u64> {
        self.object.metadata().resource_version.as_ref()?.parse().ok()
    }

    /// This moment as evidence: the object, what happened to it, and its resource version.
    pub fn evidence(&self, what: &str) -> Evidence {
        let version = self.version().map_or(String::new(), |version| format!(" (resource version {version})"));
        let text = format!("{} {what}{version}", self.object.slashed());
        Evidence { seq: Some(self.seq), at: Some(self.at), text }
    }
}

impl<'a> Track<'a> {
    /// The first sighting; a track has at least one.
    pub fn first(&self) -> Sighting<'a> {
        self.sightings[0]
    }

    /// The last state that was seen.
    pub fn last(&self) -> &'a Object {
        self.sightings[self.sightings.len() - 1].object
    }

    pub fn name(&self) -> &'a str {
        self.last().name()
    }

    pub fn uid(&self) -> &'a str {
        self.last().uid()
    }

    /// The object's state at a moment; `None`: it did not exist then.
    pub fn at(&self, seq: u64) -> Option<&'a Object> {
        let last = self.sightings.iter().rev().find(|sighting| sighting.seq <= seq)?;
        let is_lost = self.lost.is_some_and(|lost| lost <= seq);
        (last.change != Change::Deleted && !is_lost).then_some(last.object)
    }

    /// The object's state at a time of the recording; `None`: it did not exist then.
    pub fn at_time(&self, at: u64) -> Option<&'a Object> {
        let last = self.sightings.iter().rev().find(|sighting| sighting.at <= at)?;
        (last.change != Change::Deleted).then_some(last.object)
    }

    /// The first sighting of a state.
    pub fn first_where(&self, is_it: impl Fn(&Object) -> bool) -> Option<Sighting<'a>> {
        self.sightings.iter().find(|sighting| is_it(sighting.object)).copied()
    }

    /// For a Job: when it was first seen to have ended, well or badly, or to be gone.
    pub fn ended(&self) -> Option<Sighting<'a>> {
        let is_end = |sighting: &&Sighting| {
            let object = sighting.object;
            sighting.change == Change::Deleted || object.has_condition("Complete") || object.has_condition("Failed")
        };
        self.sightings.iter().find(is_end).copied()
    }

    /// For a Job: when it was first seen `Complete`.
    pub fn completed(&self) -> Option<Sighting<'a>> {
        self.first_where(|job| job.has_condition("Complete"))
    }
}

/// A warning Event as evidence.
pub fn warning(sighting: &Sighting) -> Evidence {
    let text = sighting.object.said().map_or(String::new(), |said| {
        let about = slashed(said.about_kind(), said.about_name());
        format!("event of {about}: {}: {}", said.reason(), said.message())
    });
    Evidence { seq: Some(sighting.seq), at: Some(sighting.at), text }
}

/// Every object of a recording, in the order of first sighting.
pub fn tracks(recording: &Recording) -> Vec<Track<'_>> {
    let mut tracks: Vec<Track> = Vec::new();
    let mut known: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut gaps: Vec<(&str, u64)> = Vec::new();
    for entry in &recording.entries {
        match &entry.moment {
            Moment::Gap { of, .. } => gaps.push((of, entry.seq)),
            Moment::Object { change, hash } => {
                let object = recording.object(hash);
                if object.is_none() {
                    continue;
                }
                let identity = object.metadata().uid.as_deref().unwrap_or_else(|| object.name());
                let sighting = Sighting { seq: entry.seq, at: entry.at, change: *change, object };
                let index = *known.entry((object.kind(), identity)).or_insert_with(|| {
                    tracks.push(Track { sightings: Vec::new(), lost: None });
                    tracks.len() - 1
                });
                tracks[index].sightings.push(sighting);
            }
            _ => {}
        }
    }
    for track in &mut tracks {
        let last = track.sightings[track.sightings.len() - 1];
        let missed = gaps.iter().find(|(of, seq)| *of == last.object.kind() && *seq > last.seq);
        track.lost = missed.map(|(_, seq)| *seq);
    }
    tracks
}
