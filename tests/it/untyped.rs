//! Fields that are read by their names, which the compiler cannot check.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support;

/// How often code outside tests still reads or writes a field by its name, which the compiler cannot check, by folder of `harness/`. A
/// number may only fall. What reads a field of Kubernetes' objects uses `chartgate_k8s::typed`, and what is ours has types of its own;
/// what is left changes objects of every kind, walks over them, or reads JSON that others define.
const UNTYPED: [(&str, usize); 11] = [
    ("external-secrets", 3),
    ("judge", 4),
    ("k8s", 17),
    ("mutate", 7),
    ("release", 2),
    ("report", 1),
    ("runner", 16),
    ("scenario", 8),
    ("src", 14),
    ("yaml", 3),
    ("others", 0),
];
/// All of them together stay below it.
const MOST: usize = 100;

/// A failure would mean that a misspelt field compiles, and that a check which reads it never applies.
#[test]
fn fields_that_the_compiler_does_not_know_become_fewer() {
    let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let root = support::repository().join("harness");
    for file in files_below(&root) {
        let path = file.strip_prefix(&root).expect("it is below");
        let code = std::fs::read_to_string(&file).expect("it is text");
        let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let folder = path.iter().next().expect("it is in a folder").to_string_lossy();
        let folder = UNTYPED.iter().map(|(known, _)| *known).find(|known| *known == folder).unwrap_or("others");
        let lines = code.lines().flat_map(|line| std::iter::repeat_n(line, accesses(line)));
        found.entry(folder).or_default().extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
    }
    let total: usize = found.values().map(Vec::len).sum();
    println!("{total} fields are read or written by names that the compiler does not know");
    for (folder, most) in UNTYPED {
        let lines = found.remove(folder).unwrap_or_default();
        let count = lines.len();
        assert!(count <= most, "{folder} has {count} of {total}, and had {most}:\n{}", lines.join("\n"));
        assert_eq!(count, most, "{folder} has fewer now, of {total}: write the new number into `UNTYPED`");
    }
    assert!(total < MOST, "{total} in all");
}

/// How often a line reads or writes `…["field"]` or, what is the same, `….get("field")` of a JSON value.
fn accesses(line: &str) -> usize {
    let is_indexed = |before: &str| before.ends_with(|c: char| c.is_ascii_alphanumeric() || "_)]?".contains(c));
    let starts = line.match_indices("[\"").filter(|(at, sign)| {
        let after = &line[at + sign.len()..];
        is_indexed(&line[..*at]) && after.starts_with(|c: char| c.is_ascii_alphabetic())
    });
    let is_of_json = |(at, _): &(usize, &str)| line[*at..].contains("Value::") || line[*at..].contains(".as_");
    let asked = [".get(\"", ".get_mut(\"", ".pointer(\""].map(|way| line.match_indices(way).filter(is_of_json).count());
    starts.count() + asked.iter().sum::<usize>()
}

/// A failure would mean that an access in another form counts as none.
#[test]
fn each_form_of_an_access_is_seen() {
    let seen = [r#"text(&object["spec"]["name"])"#, r#"pod.get("spec")?.get("nodeName").and_then(Value::as_str)"#];
    assert_eq!(seen.map(accesses), [2, 2]);
    let others = [r#"["a", "b"].contains(&name)"#, r#"namespace.get("Pod", name)"#, r#"format!("{path}[\"{key}\"]")"#];
    assert_eq!(others.map(accesses), [0, 0, 0]);
}

/// The files of Rust below a folder, without tests.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("it can be read") {
        let path = entry.expect("it can be read").path();
        let name = path.file_name().expect("it has a name").to_string_lossy();
        if ["tests", "tests.rs", "testing", "testing.rs", "benches"].contains(&name.as_ref()) {
            continue;
        }
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files
}
