//! One report of a subject: what several settings show is told once, with the settings under which it appears.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use chartgate_judge::{Evidence, Examined, Finding, Problem, Verdict, is_refusal_on_purpose, needs_values};
use chartgate_model::recording::{Moment, Recording};
use chartgate_report::ScenarioReport;
use chartgate_runner::run::{Beside, record_renders};

use super::setting::DEFAULTS;
use super::{Setting, Subject};

/// What one setting shows.
pub struct Judged {
    /// The setting.
    pub setting: Setting,
    /// What helm said when it refused to render; `None`: it rendered.
    pub error: Option<String>,
    /// What its recording shows.
    pub examined: Examined,
    /// What repeats the check of its subject.
    pub command: Option<String>,
}

impl Judged {
    /// Renders one setting and judges the recording, which tells what was seen beside the renders, too.
    pub async fn of(setting: &Setting, directory: &Path, beside: Beside) -> Result<Self> {
        Recording::remove(directory)?;
        record_renders(&setting.plan, &setting.helm(), directory, beside).await?;
        let recording = Recording::load(directory)?;
        let error = recording.entries.iter().find_map(|entry| match &entry.moment {
            Moment::Rendered { step, error, .. } if setting.plan.steps[*step].from.is_none() => error.clone(),
            _ => None,
        });
        let command = recording.plan.command();
        Ok(Self { setting: setting.clone(), error, examined: chartgate_judge::examine(&recording), command })
    }

    /// Whether the values render.
    pub fn renders(&self) -> bool {
        self.error.is_none()
    }

    /// Everything that is red, with its check.
    pub fn problems(&self) -> impl Iterator<Item = (&str, &Problem)> {
        let red = self.examined.findings.iter().filter(|finding| finding.verdict == Verdict::Fail);
        red.flat_map(|finding| finding.problems.iter().map(|problem| (finding.check.as_str(), problem)))
    }

    /// Leaves of the findings what is red and not known.
    pub fn keep_new(&mut self, known: &[(&str, &Problem)]) {
        for finding in &mut self.examined.findings {
            finding.problems.retain(|problem| !known.contains(&(finding.check.as_str(), problem)));
            let (problems, evidence) = (finding.problems.clone(), finding.evidence.clone());
            let templates = finding.templates.clone();
            *finding =
                Finding { templates, ..Finding::of_problems(&finding.check, finding.verdict, problems, evidence) };
        }
        self.examined.findings.retain(|finding| finding.verdict == Verdict::Fail && !finding.problems.is_empty());
    }
}

/// Leaves out the defaults where the chart refuses them on purpose and other values of it render, and says so.
pub fn without_refused_defaults(judged: &mut Vec<Judged>) -> Option<String> {
    let is_refused =
        |one: &Judged| one.setting.values == DEFAULTS && one.error.as_deref().is_some_and(is_refusal_on_purpose);
    if !judged.iter().any(|one| one.setting.values != DEFAULTS && one.renders()) {
        return None;
    }
    let error = judged.iter().find(|one| is_refused(one))?.error.clone()?;
    judged.retain(|one| !is_refused(one));
    Some(format!("the defaults were not judged: {}", needs_values(&error)))
}

/// The report of a subject.
pub fn report(subject: &Subject, judged: &[Judged], notes: Vec<String>, out: &Path) -> ScenarioReport {
    let mut names: Vec<&str> = Vec::new();
    for finding in judged.iter().flat_map(|one| &one.examined.findings) {
        if !names.contains(&finding.check.as_str()) {
            names.push(&finding.check);
        }
    }
    let checks: Vec<Finding> = names.iter().filter_map(|name| merged(name, judged)).collect();
    // What an API server was asked in one setting is examined.
    let mut not_examined = judged.first().map(|first| first.examined.not_examined.clone()).unwrap_or_default();
    not_examined.retain(|check| !names.contains(&check.as_str()));
    ScenarioReport {
        name: subject.name.clone(),
        description: subject.description(),
        verdict: chartgate_judge::verdict_of(&checks),
        checks,
        not_examined,
        notes,
        // A secret that was set is left out of what was recorded.
        repeat: judged.first().and_then(|first| first.command.clone()),
        ..ScenarioReport::empty(subject.first_plan(), out)
    }
}

/// What a check found in all settings: the worst of it, each problem once.
fn merged(check: &str, judged: &[Judged]) -> Option<Finding> {
    let found = |one: &'_ Judged| one.examined.findings.iter().find(|finding| finding.check == check).cloned();
    // What an exploration adds is red there alone.
    let all: Vec<(&Setting, Finding)> = judged.iter().filter_map(|one| Some((&one.setting, found(one)?))).collect();
    // Values that leave nothing to judge are no void where others leave something.
    let proven = all.iter().any(|(_, finding)| finding.verdict == Verdict::Pass);
    let is_hollow = |(setting, finding): &(&Setting, Finding)| {
        proven && finding.verdict == Verdict::Void && setting.plan.file.is_none()
    };
    let all: Vec<(&Setting, Finding)> = all.into_iter().filter(|one| !is_hollow(one)).collect();
    let worst = all.iter().map(|(_, finding)| finding.verdict).max()?;
    let mut so = all.into_iter().filter(|(_, finding)| finding.verdict == worst);
    if matches!(worst, Verdict::Pass | Verdict::NotApplicable) {
        return so.next().map(|(_, finding)| finding);
    }
    let (mut problems, mut evidence): (Vec<(Problem, Vec<&Setting>)>, Vec<Evidence>) = (Vec::new(), Vec::new());
    let so: Vec<(&Setting, Finding)> = so.collect();
    for (setting, finding) in &so {
        for problem in problems_of(finding) {
            match problems.iter_mut().find(|(known, _)| *known == problem) {
                Some((_, settings)) => settings.push(setting),
                None => problems.push((problem, vec![setting])),
            }
        }
    }
    // Where to look comes before what was seen there: a report shows the first of it.
    for (index, (problem, settings)) in problems.iter().enumerate() {
        let under = under(settings, judged).map(|under| format!("under {under}"));
        let text = match (index, under) {
            (0, None) => continue,
            (0, Some(under)) => under,
            (_, None) => problem.further().text,
            (_, Some(under)) => format!("also, {under}: {}", problem.what),
        };
        evidence.push(Evidence { seq: None, at: None, text });
    }
    let mut told = BTreeSet::new();
    for (_, finding) in &so {
        let further: BTreeSet<String> = finding.problems.iter().map(|problem| problem.further().text).collect();
        let seen = finding.evidence.iter().filter(|seen| !further.contains(&seen.text));
        evidence.extend(seen.filter(|seen| told.insert(&seen.text)).cloned());
    }
    let problems = problems.into_iter().map(|(problem, _)| problem).collect();
    let since = so.first().and_then(|(_, finding)| finding.since.clone());
    let templates: BTreeSet<String> = so.iter().flat_map(|(_, finding)| finding.templates.clone()).collect();
    let templates = templates.into_iter().collect();
    Some(Finding { since, templates, ..Finding::of_problems(check, worst, problems, evidence) })
}

/// The problems of a finding; of one that tells none of them, such as a waived one, its message.
fn problems_of(finding: &Finding) -> Vec<Problem> {
    if !finding.problems.first().is_some_and(|first| finding.message.starts_with(&first.what)) {
        let (what, hint) = (finding.statement().to_owned(), finding.hint().map(str::to_owned));
        return vec![Problem { what, hint }];
    }
    finding.problems.clone()
}

/// In words, under which settings something appears; `None`: under all of them.
fn under(settings: &[&Setting], judged: &[Judged]) -> Option<String> {
    let is_explored = |setting: &&&Setting| setting.smallest.is_some();
    let (explored, usual): (Vec<&&Setting>, Vec<&&Setting>) = settings.iter().partition(is_explored);
    if explored.is_empty() && usual.len() == judged.iter().filter(|one| one.setting.smallest.is_none()).count() {
        return None;
    }
    let mut parts: Vec<String> = Vec::new();
    let mut told = BTreeSet::new();
    for setting in settings {
        if !told.insert(&setting.values) {
            continue;
        }
        let shown: Vec<&&Setting> = settings.iter().filter(|other| other.values == setting.values).collect();
        let all = judged.iter().filter(|one| one.setting.values == setting.values).count();
        let versions = |of: fn(&Setting) -> &str| {
            let versions: BTreeSet<&str> = shown.iter().map(|setting| of(setting)).collect();
            versions.into_iter().collect::<Vec<_>>().join(" and ")
        };
        let mut part = setting.values.clone();
        if shown.len() < all {
            let helm = versions(|setting| &setting.program.version);
            let kubernetes = versions(|setting| &setting.kubernetes);
            part = format!("{part} with Helm {helm} for Kubernetes {kubernetes}");
        }
        parts.push(part);
    }
    Some(parts.join(", "))
}
