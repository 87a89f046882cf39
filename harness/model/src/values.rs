//! Values of a chart.

use serde_json::{Map, Value};

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

/// Lays values of one version over those of a step: as [`merge`], but a null takes away what is below it, with the maps that it leaves
/// empty.
pub fn replace(below: &mut Value, above: &Value) {
    let (Value::Object(map), Value::Object(above)) = (&mut *below, above) else {
        *below = above.clone();
        return;
    };
    for (key, value) in above {
        match map.get_mut(key) {
            Some(_) if value.is_null() => drop(map.remove(key)),
            Some(place) => {
                replace(place, value);
                let is_emptied = value != &Value::Object(Map::new()) && *place == Value::Object(Map::new());
                if is_emptied {
                    map.remove(key);
                }
            }
            None => drop(map.insert(key.clone(), value.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A failure would mean that an earlier version is given a value which it does not know and refuses.
    #[test]
    fn a_null_takes_away_what_another_version_needs() {
        let mut values = json!({"image": {"tag": "v2", "pullPolicy": "Never"}, "url": "a", "web": {"port": 1}});
        replace(&mut values, &json!({"image": "app:v1", "url": null, "web": {"port": null}, "chartsOwn": null}));
        assert_eq!(values, json!({"image": "app:v1", "chartsOwn": null}));
    }
}
