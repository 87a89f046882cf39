//! What the page shows of one recording: lanes of bars and marks over time, and what a click on one opens.

use std::cell::RefCell;
use std::collections::HashMap;

use anyhow::Result;
use chartgate_judge::Verdict;
use chartgate_judge::track::{Track, tracks};
use chartgate_model::recording::Recording;
use serde::Serialize;
use serde_json::Value;

use super::super::{ScenarioReport, explanation};
use super::{lanes, pods};

/// One scenario's timeline.
#[derive(Debug, Serialize)]
pub(super) struct Story {
    /// Milliseconds.
    pub length: u64,
    pub steps: Vec<Bar>,
    pub groups: Vec<Group>,
    /// The moments that broken and unproven promises cite.
    pub cited: Vec<Mark>,
    pub details: Vec<Detail>,
    /// The page leaves out what would make it too large.
    pub is_cut: bool,
}

/// Makes lanes of one kind, and notes what a click on them opens.
type Lanes = fn(&Scene<'_>, &mut Vec<Detail>) -> Vec<Group>;

/// Lanes that belong together.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    pub title: String,
    pub lanes: Vec<Lane>,
}

/// What happened to one thing over time. A class is a name in `page.css` that says what a bar or a mark means.
#[derive(Debug, Default, Serialize)]
pub(super) struct Lane {
    pub title: String,
    /// Position of what a click opens.
    pub detail: Option<usize>,
    pub bars: Vec<Bar>,
    pub marks: Vec<Mark>,
}

/// Something that lasted.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Bar {
    pub from: u64,
    pub to: u64,
    pub class: &'static str,
    pub label: String,
}

/// Something that happened at a moment.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Mark {
    pub at: u64,
    pub class: &'static str,
    pub label: String,
}

/// What is known of one thing.
#[derive(Debug, Default, Serialize)]
pub(super) struct Detail {
    pub title: String,
    pub facts: Vec<(String, String)>,
    /// Moment and line; what was left out between two lines is said by a line without a moment.
    pub log: Vec<(Option<u64>, String)>,
    pub events: Vec<(u64, String)>,
    /// What it was, by revision or moment, as YAML.
    pub states: Vec<(String, String)>,
}

/// How much of each thing the page shows; the richest that fits is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Depth {
    pub log_lines: usize,
    pub has_pods_yaml: bool,
    pub has_objects: bool,
    /// What a failure names is shown with its YAML and log all the same.
    pub has_cited: bool,
}

pub(super) const DEPTHS: [Depth; 5] = [
    Depth { log_lines: 400, has_pods_yaml: true, has_objects: true, has_cited: true },
    Depth { log_lines: 60, has_pods_yaml: false, has_objects: true, has_cited: true },
    Depth { log_lines: 10, has_pods_yaml: false, has_objects: true, has_cited: true },
    Depth { log_lines: 0, has_pods_yaml: false, has_objects: true, has_cited: true },
    Depth { log_lines: 0, has_pods_yaml: false, has_objects: false, has_cited: false },
];

/// A recording, with what lanes are made from.
pub(super) struct Scene<'a> {
    pub recording: &'a Recording,
    pub report: &'a ScenarioReport,
    pub tracks: Vec<Track<'a>>,
    pub length: u64,
    pub depth: Depth,
    /// Text of the evidence of what is broken or unproven: what it names is shown in full.
    cited: String,
    /// Objects as YAML, by where they are: each depth shows the same ones.
    shown: RefCell<HashMap<*const Value, String>>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(recording: &'a Recording, report: &'a ScenarioReport) -> Self {
        let red = report.checks.iter().filter(|finding| finding.verdict >= Verdict::Void);
        let texts = red.flat_map(|finding| explanation::shown(finding).0.iter().map(|evidence| evidence.text.as_str()));
        Self {
            recording,
            report,
            tracks: tracks(recording),
            length: recording.entries.last().map_or(1, |entry| entry.at.max(1)),
            depth: DEPTHS[0],
            cited: texts.collect::<Vec<_>>().join("\n"),
            shown: RefCell::default(),
        }
    }

    /// An object of the recording as YAML, without what only machines read.
    pub(super) fn shown(&self, object: &Value) -> String {
        self.shown.borrow_mut().entry(std::ptr::from_ref(object)).or_insert_with(|| shown(object)).clone()
    }

    /// Whether it is to be shown in full because a failure names it.
    pub(super) fn is_cited(&self, name: &str) -> bool {
        self.depth.has_cited && is_named(&self.cited, name)
    }

    /// The revision that was being made, or was there, at a moment; in words where helm gave no number.
    pub(super) fn revision_at(&self, at: u64) -> String {
        let step = self.report.steps.iter().rev().find(|step| step.started_ms <= at);
        match step {
            Some(step) => step.revision.map_or_else(|| step.label(), |revision| format!("revision {revision}")),
            None => "before the first step".to_owned(),
        }
    }

    /// The timeline as compact JSON, in a depth.
    pub(super) fn story(&mut self, depth: Depth) -> Result<String> {
        self.depth = depth;
        let mut details = Vec::new();
        let lanes: [Lanes; 10] = [
            lanes::helm,
            lanes::faults,
            lanes::applied,
            lanes::jobs,
            pods::pods,
            lanes::endpoints,
            lanes::traffic,
            lanes::database,
            lanes::answers,
            lanes::objects,
        ];
        let groups = lanes.into_iter().flat_map(|lane| lane(self, &mut details));
        let groups = groups.filter(|group| !group.lanes.is_empty()).collect();
        let story = Story {
            length: self.length,
            steps: lanes::steps(self),
            groups,
            cited: cited(self.report),
            details,
            is_cut: depth.log_lines < DEPTHS[0].log_lines,
        };
        Ok(serde_json::to_string(&story)?)
    }
}

/// The first moments of each finding that is red.
fn cited(report: &ScenarioReport) -> Vec<Mark> {
    let mut marks = Vec::new();
    for finding in report.checks.iter().filter(|finding| finding.verdict >= Verdict::Void) {
        let class = if finding.verdict == Verdict::Fail { "failing" } else { "unproven" };
        let (shown, _) = explanation::shown(finding);
        for (at, text) in shown.iter().filter_map(|evidence| Some((evidence.at?, &evidence.text))) {
            let text = text.lines().next().unwrap_or_default();
            marks.push(Mark { at, class, label: format!("{}: {text}", finding.check) });
        }
    }
    marks.sort_by_key(|mark| mark.at);
    marks
}

/// Whether a text names an object: as `deployment/x`, or in quotes.
fn is_named(text: &str, name: &str) -> bool {
    let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let ends_sentence =
        |rest: &str| rest.starts_with('.') && !rest[1..].starts_with(|c: char| c.is_ascii_alphanumeric());
    let is_whole = |at: usize| {
        let rest = &text[at + name.len()..];
        text[..at].ends_with(['/', '`']) && (!rest.starts_with(goes_on) || ends_sentence(rest))
    };
    !name.is_empty() && text.match_indices(name).any(|(at, _)| is_whole(at))
}

fn shown(object: &Value) -> String {
    let mut object = object.clone();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    chartgate_yaml::text(&object)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a report leaves out what its failure names, or is full of what only has a similar name.
    #[test]
    fn an_object_is_named_by_its_whole_name() {
        for text in
            ["deployment/web is not ready", "no pod of deployment/web: it ended", "the Job `web` failed", "of pod/web."]
        {
            assert!(is_named(text, "web"), "{text}");
        }
        for text in ["deployment/web-api is not ready", "a web", "deployment/my-web", "pod/web.example", ""] {
            assert!(!is_named(text, "web"), "{text}");
        }
        assert!(!is_named("deployment/", ""));
    }
}
