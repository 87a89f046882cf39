//! Values of a chart.

use serde_json::Value;

/// Merges `above` into `below`, as Helm merges values: maps by key, everything else is replaced.
pub fn merge(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                merge(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}
