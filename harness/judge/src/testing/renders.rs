//! Recordings that hold renders only, from manifests as a test writes them.

use std::collections::{BTreeMap, HashMap};

use super::Story;
use chartgate_model::plan::{Action, Chart, Origin, Plan, Step};
use chartgate_model::recording::{Entry, Mode, Moment, Recording, RepeatedKey};
use chartgate_model::recording::{FORMAT, hash_of};
use chartgate_yaml::Manifest;

/// The release's name in these recordings.
const RELEASE: &str = "cg";
/// Its namespace.
const NAMESPACE: &str = "cg-test";

/// An install of the release `cg` of the chart `app` into the namespace `cg-test` renders this.
#[track_caller]
pub(crate) fn rendering(manifest: &str) -> Story {
    story(vec![Step::new(Action::Install)], &[manifest])
}

/// An earlier version renders the first manifest, and the upgrade from it the second.
#[track_caller]
pub(crate) fn upgrading(before: &str, after: &str) -> Story {
    let earlier = Step { from: Some(0), ..Step::new(Action::Install) };
    let story = story(vec![earlier, Step::new(Action::Upgrade)], &[before, after]);
    Story(Recording { plan: Plan { from: vec![Origin::default()], ..story.0.plan }, ..story.0 })
}

#[track_caller]
fn story(steps: Vec<Step>, manifests: &[&str]) -> Story {
    let chart = Chart { name: "app".to_owned(), version: "1.0.0".to_owned(), ..Chart::default() };
    let plan = Plan { name: "app/defaults".to_owned(), chart, release: RELEASE.to_owned(), steps, ..Plan::default() };
    let mut story = Story(Recording { plan, entries: Vec::new(), objects: HashMap::new(), sources: HashMap::new() });
    let namespace = NAMESPACE.to_owned();
    story.append(Moment::Started {
        format: FORMAT,
        unix_ms: 0,
        namespace,
        single_etcd: false,
        compares: false,
        versions: BTreeMap::new(),
        mode: Mode::Render,
    });
    for (step, manifest) in manifests.iter().enumerate() {
        let objects = story.store(step, manifest);
        story.append(Moment::Rendered { step, error: None, objects, needs: Vec::new(), asks_cluster: false });
    }
    story.append(Moment::Ended);
    story
}

impl Story {
    /// Keeps the objects of a manifest, with what its text shows beside them, and tells their hashes.
    #[track_caller]
    fn store(&mut self, step: usize, manifest: &str) -> Vec<String> {
        let manifest = Manifest::read(manifest).expect("the test's manifest can be read");
        let (mut hashes, mut sources, mut repeated) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        for ((object, source), keys) in manifest.objects.into_iter().zip(manifest.sources).zip(manifest.repeated) {
            let hash = hash_of(&object);
            self.0.objects.insert(hash.clone(), object.into());
            sources.extend(source.map(|source| (hash.clone(), source)));
            let keys: Vec<RepeatedKey> =
                keys.into_iter().map(|key| RepeatedKey { path: key.path, is_same: key.is_same }).collect();
            repeated.extend((!keys.is_empty()).then(|| (hash.clone(), keys)));
            hashes.push(hash);
        }
        self.append(Moment::Manifest { step, sources, repeated });
        hashes
    }

    fn append(&mut self, moment: Moment) {
        let seq = self.0.entries.len() as u64;
        self.0.entries.push(Entry { seq, at: seq, moment });
    }
}
