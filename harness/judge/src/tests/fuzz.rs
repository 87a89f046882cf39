//! Recordings that nobody made: whatever stands in one, it is judged, and nothing panics.
//!
//! `PROPTEST_CASES=100000 cargo test -p chartgate-judge fuzz` looks longer than CI does.

use chartgate_model::recording::Entry;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// What takes a value's place, or a text's.
fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!(["", 0, null])),
    ]
}

/// Replaces the value at a random place below another one.
fn plant(here: &mut Value, at: &[Index], value: Value) {
    let length = match here {
        Value::Object(map) => map.len(),
        Value::Array(items) => items.len(),
        _ => 0,
    };
    let Some((index, rest)) = at.split_first().filter(|_| length > 0) else {
        *here = value;
        return;
    };
    let next = match here {
        Value::Object(map) => map.values_mut().nth(index.index(length)),
        Value::Array(items) => items.get_mut(index.index(length)),
        _ => None,
    };
    if let Some(next) = next {
        plant(next, rest, value);
    }
}

/// A few seconds' worth, unless `PROPTEST_CASES` says more.
fn cases() -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    if asked { ProptestConfig::default() } else { ProptestConfig::with_cases(48) }
}

proptest! {
    #![proptest_config(cases())]

    /// A failure would mean that an object which no API server makes, or an entry which no recorder writes, ends a verdict in a panic.
    #[test]
    fn any_recording_is_judged(
        changes in prop::collection::vec((any::<bool>(), any::<Index>(), prop::collection::vec(any::<Index>(), 1..9), values()), 1..6),
        dropped in prop::collection::vec(any::<Index>(), 0..4),
    ) {
        let mut recording = Story::good().0;
        let mut hashes: Vec<String> = recording.objects.keys().cloned().collect();
        hashes.sort();
        for (is_object, which, at, value) in changes {
            if is_object {
                let hash = &hashes[which.index(hashes.len())];
                let mut object = recording.objects[hash].raw().clone();
                plant(&mut object, &at, value);
                recording.objects.insert(hash.clone(), object.into());
            } else {
                let entry = which.index(recording.entries.len());
                let mut written = serde_json::to_value(&recording.entries[entry]).unwrap();
                plant(&mut written, &at, value);
                // Most of what is planted is no entry any more, and refused.
                if let Ok(entry_read) = serde_json::from_value::<Entry>(written) {
                    recording.entries[entry] = entry_read;
                }
            }
        }
        for index in dropped {
            recording.entries.remove(index.index(recording.entries.len()));
        }
        prop_assert_eq!(judge(&recording).len(), all().count());
    }

    /// A failure would mean that a file which was cut, or written by something else, ends a verdict in a panic.
    #[test]
    fn any_text_of_a_recording_is_read_or_refused(which in 0usize..3, edits in prop::collection::vec((any::<Index>(), 0usize..40, "\\PC{0,4}"), 1..4)) {
        let mut texts = written(&Story::good().0);
        let mut letters: Vec<char> = texts[which].chars().collect();
        for (at, gone, word) in edits {
            let start = at.index(letters.len());
            letters.splice(start..(start + gone).min(letters.len()), word.chars());
        }
        texts[which] = letters.into_iter().collect();
        let folder = std::env::temp_dir().join(format!("chartgate-fuzz-{}", chartgate_base::random::text(8)));
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in ["plan.json", "timeline.jsonl", "objects.jsonl"].iter().zip(&texts) {
            std::fs::write(folder.join(name), text).unwrap();
        }
        let read = Recording::load(&folder);
        std::fs::remove_dir_all(&folder).unwrap();
        if let Ok(recording) = read {
            prop_assert_eq!(judge(&recording).len(), all().count());
        }
    }
}

/// A recording as its three files.
fn written(recording: &Recording) -> [String; 3] {
    let entries = recording.entries.iter().map(|entry| serde_json::to_string(entry).unwrap() + "\n");
    let objects =
        recording.objects.iter().map(|(hash, object)| format!("{}\n", json!({"hash": hash, "object": object})));
    [serde_json::to_string(&recording.plan).unwrap(), entries.collect(), objects.collect()]
}
