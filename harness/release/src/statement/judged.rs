//! What was judged: a report with its recordings, and from them the predicate of a statement.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use chartgate_model::finding::Verdict;
use chartgate_model::plan::{Origin, Plan, StubImages};
use chartgate_model::recording::{Moment, Recording};
use chartgate_report::Report;
use chartgate_scenario::{BASELINE, CONTRACT};
use jiff::Timestamp;

use super::{CHARTGATE, HELM, KUBERNETES, Outcome, Resource, TestResult};
use crate::Sha256Digest;

/// A verdict with what it rests on.
#[derive(Debug)]
pub struct Judged {
    report: Report,
    recordings: Vec<Recording>,
}

impl Judged {
    /// The application itself ran.
    pub(super) const IMAGES: &str = "images";
    /// Stubs played it.
    const STUB_IMAGES: &str = "stub-images";
    pub(super) const NO_WAIVERS: &str = "none";
    const WAIVERS: &str = "counted";

    /// A report, and the recordings of its scenarios, which are where it says.
    ///
    /// # Errors
    /// That one of them cannot be read: what it shows cannot be attested.
    pub fn of(report: Report) -> Result<Self> {
        let load = |folder: &PathBuf| Recording::load(folder).context("attest what was judged");
        let recordings = report.scenarios.iter().map(|scenario| load(&scenario.evidence)).collect::<Result<_>>()?;
        Ok(Self { report, recordings })
    }

    /// The predicate: how it ended, and with what it ran.
    ///
    /// # Errors
    /// That a scenario's file cannot be read any more.
    pub fn test_result(&self) -> Result<TestResult> {
        let tests = |wanted: &[Verdict]| -> Vec<String> {
            let of = |scenario: &chartgate_report::ScenarioReport| {
                let found = scenario.checks.iter().filter(|finding| wanted.contains(&finding.verdict));
                found.map(|finding| format!("{}/{}", scenario.name, finding.check)).collect::<Vec<_>>()
            };
            self.report.scenarios.iter().flat_map(of).collect()
        };
        let waived = tests(&[Verdict::Waived]);
        let result = match self.report.verdict {
            verdict if verdict.is_red() => Outcome::Failed,
            _ if !waived.is_empty() => Outcome::Warned,
            _ => Outcome::Passed,
        };
        Ok(TestResult {
            result,
            configuration: self.configuration()?,
            passed_tests: tests(&[Verdict::Pass]),
            warned_tests: tests(&[Verdict::Waived, Verdict::Advice]),
            failed_tests: tests(&[Verdict::Fail, Verdict::Void]),
        })
    }

    fn configuration(&self) -> Result<Vec<Resource>> {
        let programs = [(CHARTGATE, "cargo"), (KUBERNETES, "generic"), (HELM, "generic")];
        let mut found: Vec<Resource> = Vec::new();
        for (name, kind) in programs {
            let versions: BTreeSet<&str> = self.versions(name).collect();
            found.extend(versions.into_iter().map(|version| Resource::program(name, kind, version)));
        }
        let notes = self.notes();
        found.iter_mut().filter(|it| it.name == CHARTGATE).for_each(|it| it.annotations.extend(notes.clone()));
        let mut bytes = BTreeSet::new();
        for recording in &self.recordings {
            bytes.extend(images(recording));
            bytes.extend(files(&recording.plan)?);
        }
        found.extend(bytes);
        Ok(found)
    }

    /// How chartgate ran.
    fn notes(&self) -> BTreeMap<String, String> {
        let plans = || self.recordings.iter().map(|recording| &recording.plan);
        let is_real = plans().all(|plan| plan.stub_images == StubImages::Off);
        let has_waivers = plans().any(|plan| !plan.waivers.is_empty());
        let finished = self.recordings.iter().filter_map(finished).max();
        let from: BTreeSet<String> = plans().flat_map(|plan| &plan.from).map(Origin::title).collect();
        let from = from.into_iter().collect::<Vec<_>>().join(", ");
        let notes = [
            ("mode", Some(if is_real { Self::IMAGES } else { Self::STUB_IMAGES }.to_owned())),
            ("waivers", Some(if has_waivers { Self::WAIVERS } else { Self::NO_WAIVERS }.to_owned())),
            ("upgraded-from", (!from.is_empty()).then_some(from)),
            ("finished", finished.map(|time| time.to_string())),
        ];
        notes.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }

    /// The versions of a program that took part.
    fn versions(&self, program: &str) -> impl Iterator<Item = &str> {
        self.recordings.iter().filter_map(move |recording| match &recording.entries.first()?.moment {
            Moment::Started { versions, .. } => versions.get(program).map(String::as_str),
            _ => None,
        })
    }
}

/// When a recording ended.
fn finished(recording: &Recording) -> Option<Timestamp> {
    let Moment::Started { unix_ms, .. } = &recording.entries.first()?.moment else { return None };
    let ended = Duration::from_millis(unix_ms + recording.entries.last()?.at);
    let ended = Timestamp::try_from(SystemTime::UNIX_EPOCH + ended).ok()?;
    ended.round(jiff::Unit::Second).ok()
}

/// The images that the pods of a run had, by the digests that their nodes tell.
fn images(recording: &Recording) -> impl Iterator<Item = Resource> {
    let statuses = recording.objects.values().flat_map(|pod| pod.container_statuses().chain(pod.init_statuses()));
    statuses.filter_map(|status| {
        let (stored, digest) = status.image_id.rsplit_once('@')?;
        // What the pod asked for says more than the name under which its node stores it.
        let asked = status.image.split('@').next().filter(|image| !image.is_empty());
        let name = asked.filter(|image| !image.starts_with("sha256:")).unwrap_or(stored);
        Some(Resource::bytes(name, &Sha256Digest::of_reference(digest)?))
    })
}

/// The files that said what is done and what is promised: by their paths below the chart, else below the working directory.
fn files(plan: &Plan) -> Result<Vec<Resource>> {
    let beside = plan.file.iter().filter_map(|file| file.parent());
    let beside = beside.flat_map(|folder| [CONTRACT, BASELINE].map(|name| folder.join(name))).filter(|it| it.exists());
    let all = plan.file.iter().cloned().chain(beside).chain(plan.base_files.iter().cloned());
    let resource = |path: PathBuf| {
        let bytes = std::fs::read(&path).with_context(|| format!("attest the file `{}`", path.display()))?;
        Ok(Resource::bytes(&name_of(&path, plan), &Sha256Digest::of(&bytes)))
    };
    all.map(resource).collect()
}

/// What a statement calls a file: no path of the machine that ran.
fn name_of(path: &Path, plan: &Plan) -> String {
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if let Ok(inside) = absolute.strip_prefix(&plan.chart.path) {
        return format!("{}/{}", plan.chart.name, inside.display());
    }
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    let relative = absolute.strip_prefix(here).map(Path::to_owned);
    let relative = relative.or_else(|_| absolute.file_name().map(PathBuf::from).ok_or(()));
    relative.unwrap_or_default().display().to_string()
}
