//! Marks of a lane, and what a click on one opens.

use std::collections::BTreeMap;

use super::story::{Detail, Mark};

/// Marks closer than this part of the whole time become one: more could not be told apart.
const RESOLUTION: u64 = 500;
/// Labels that a merged mark keeps.
const LABELS: usize = 6;

/// Notes a detail; its position.
pub(super) fn note(details: &mut Vec<Detail>, detail: Detail) -> usize {
    details.push(detail);
    details.len() - 1
}

/// Marks that could not be told apart, as one.
pub(super) fn merged(marks: Vec<Mark>, length: u64) -> Vec<Mark> {
    let width = (length / RESOLUTION).max(1);
    let mut buckets: BTreeMap<(u64, &'static str), Vec<Mark>> = BTreeMap::new();
    for mark in marks {
        buckets.entry((mark.at / width, mark.class)).or_default().push(mark);
    }
    let merge = |marks: Vec<Mark>| {
        let labels: Vec<_> = marks.iter().take(LABELS).map(|mark| mark.label.as_str()).collect();
        let more = marks.len().saturating_sub(LABELS);
        let more = if more > 0 { format!("\n… and {more} more") } else { String::new() };
        Mark { at: marks[0].at, class: marks[0].class, label: labels.join("\n") + &more }
    };
    buckets.into_values().map(merge).collect()
}
