//! Fields that are read by their names, which the compiler cannot check.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support;

/// How often code outside tests still reads or writes a field by its name, which the compiler cannot check, by folder of `harness/`. A
/// number may only fall. What reads a field of Kubernetes' objects uses `chartgate_k8s::typed`, and what is ours has types of its own;
/// what is left changes objects of every kind, walks over them, or reads JSON that others define.
const UNTYPED: [(&str, usize); 14] = [
    ("cluster", 3),
    ("external-secrets", 14),
    ("judge", 27),
    ("k8s", 13),
    ("mutate", 7),
    ("network-policy", 4),
    ("prober", 70),
    ("release", 6),
    ("report", 1),
    ("runner", 69),
    ("scenario", 18),
    ("src", 41),
    ("yaml", 3),
    ("others", 0),
];

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
        let lines = code.lines().filter(|line| accesses(line) > 0);
        found.entry(folder).or_default().extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
    }
    for (folder, most) in UNTYPED {
        let lines = found.remove(folder).unwrap_or_default();
        let count: usize = lines.iter().map(|line| accesses(line)).sum();
        assert!(count <= most, "{folder} has {count}, and had {most}:\n{}", lines.join("\n"));
        assert_eq!(count, most, "{folder} has fewer now: write the new number into `UNTYPED`");
    }
}

/// How often a line reads `…["field"]`.
fn accesses(line: &str) -> usize {
    let is_indexed = |before: &str| before.ends_with(|c: char| c.is_ascii_alphanumeric() || "_)]?".contains(c));
    let starts = line.match_indices("[\"").filter(|(at, sign)| {
        let after = &line[at + sign.len()..];
        is_indexed(&line[..*at]) && after.starts_with(|c: char| c.is_ascii_alphabetic())
    });
    starts.count()
}

/// The files of Rust below a folder, without tests.
fn files_below(folder: &Path) -> Vec<PathBuf> {
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
