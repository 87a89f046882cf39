//! Where two objects differ, by the paths that a person would write.

use serde_json::Value;

/// A place where two values differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Such as `.spec.containers[web].image`; empty where the whole differs.
    pub path: String,
    before: Option<Value>,
    after: Option<Value>,
}

impl Difference {
    /// The value that was there first.
    pub fn before(&self) -> String {
        shown(self.before.as_ref())
    }

    /// The value in its place.
    pub fn after(&self) -> String {
        shown(self.after.as_ref())
    }
}

/// Enough of a value to know it.
const LENGTH: usize = 60;

fn shown(value: Option<&Value>) -> String {
    let Some(value) = value.filter(|value| !value.is_null()) else { return "nothing".to_owned() };
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let short: String = text.chars().take(LENGTH).collect();
    let end = if short.len() < text.len() { "…" } else { "" };
    format!("`{short}{end}`")
}

/// Every place where two values differ. Items of a list are told apart by their names, where they have some.
pub fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk(String::new(), Some(before), Some(after), &mut found);
    found
}

fn walk(path: String, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let added = other.keys().filter(|key| !one.contains_key(*key));
            for key in one.keys().chain(added) {
                walk(format!("{path}.{}", segment(key)), one.get(key), other.get(key), found);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => match (names(one), names(other)) {
            (Some(names), Some(others)) => {
                let by_name = |all: &[&str], items: &'_ [Value], name: &str| {
                    all.iter().position(|known| *known == name).and_then(|at| items.get(at).cloned())
                };
                let added = others.iter().filter(|name| !names.contains(*name));
                for name in names.iter().chain(added) {
                    let (one, other) = (by_name(&names, one, name), by_name(&others, other, name));
                    walk(format!("{path}[{name}]"), one.as_ref(), other.as_ref(), found);
                }
            }
            _ => found.push(Difference { path, before: before.cloned(), after: after.cloned() }),
        },
        _ => found.push(Difference { path, before: before.cloned(), after: after.cloned() }),
    }
}

/// A key that holds dots or slashes stands in quotes.
pub fn segment(key: &str) -> String {
    if key.contains(['.', '/']) { format!("\"{key}\"") } else { key.to_owned() }
}

/// The name of each item; `None`: some have none, or two have one.
fn names(items: &[Value]) -> Option<Vec<&str>> {
    let names: Vec<&str> = items.iter().map(|item| item["name"].as_str()).collect::<Option<_>>()?;
    let mut unique = names.clone();
    unique.sort_unstable();
    unique.dedup();
    (unique.len() == names.len()).then_some(names)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A failure would mean that a user searches for what changed, or reads of a change that is none.
    #[test]
    fn a_difference_has_the_path_that_a_person_would_write() {
        let of = |image: &str, checksum: &str| json!({"metadata": {"annotations": {"checksum/config": checksum}}, "containers": [{"name": "web", "image": image}]});
        assert_eq!(differences(&of("a", "1"), &of("a", "1")), []);
        let found = differences(&of("a", "1"), &of("b", "2"));
        let paths: Vec<_> = found.iter().map(|it| (it.path.as_str(), it.before(), it.after())).collect();
        let expected = [
            (".containers[web].image", "`a`".to_owned(), "`b`".to_owned()),
            (".metadata.annotations.\"checksum/config\"", "`1`".to_owned(), "`2`".to_owned()),
        ];
        assert_eq!(paths, expected);
    }

    /// A failure would mean that a setting which was moved in a list seems to have changed.
    #[test]
    fn items_with_names_may_stand_in_another_order() {
        let (one, other) =
            (json!([{"name": "a", "v": 1}, {"name": "b"}]), json!([{"name": "b"}, {"name": "a", "v": 2}]));
        let found = differences(&one, &other);
        assert_eq!((found.len(), found[0].path.as_str()), (1, "[a].v"));
        assert_eq!(differences(&json!([1]), &json!([1, 2]))[0].path, "");
    }
}
