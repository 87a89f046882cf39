//! From a raw value to a type, without what has another type.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

/// A value in a type. What is of a wrong type there (`replicas: "3"`, a label `null`) is left out as if it were not given.
pub fn decode<T: DeserializeOwned + Default>(raw: &Value) -> T {
    T::deserialize(raw).unwrap_or_else(|_| without_faults(raw.clone()))
}

fn without_faults<T: DeserializeOwned + Default>(mut raw: Value) -> T {
    loop {
        match serde_path_to_error::deserialize(&raw) {
            Ok(decoded) => return decoded,
            Err(error) if remove(&mut raw, error.path()) => {}
            Err(_) => return T::default(),
        }
    }
}

/// Takes out what is at a path; whether something was there.
fn remove(value: &mut Value, path: &Path) -> bool {
    let mut segments = path.iter().peekable();
    let mut parent = value;
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        let next = match (segment, parent) {
            (Segment::Map { key }, Value::Object(map)) if is_last => return map.remove(key).is_some(),
            (Segment::Seq { index }, Value::Array(list)) if is_last && *index < list.len() => {
                list.remove(*index);
                return true;
            }
            (Segment::Map { key }, Value::Object(map)) => map.get_mut(key),
            (Segment::Seq { index }, Value::Array(list)) => list.get_mut(*index),
            _ => None,
        };
        let Some(next) = next else { return false };
        parent = next;
    }
    false
}
