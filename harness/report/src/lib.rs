//! Reports, all from the findings: what runs now, the summary on the terminal, and the files that [`Report::write`] makes.

pub mod evidence;
mod explanation;
pub mod github;
mod junit;
mod markdown;
mod matrix;
mod order;
mod page;
mod replaced;
mod shard;
mod terminal;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use chartgate_base::Environment;
use chartgate_judge::{Examined, Finding, Verdict};
use chartgate_model::plan::{Plan, Step, Versions};
use chartgate_model::recording::{Moment, Recording, StepOutcome};
use chartgate_yaml::Invalid;
use order::Red;
use replaced::Replaced;

pub use explanation::{plain, word};
pub use markdown::append_to_job_summary;
pub use markdown::inline;
pub use matrix::{Difference, Matrix, Row};
pub use shard::Shard;
pub use terminal::{painted, print, print_red};

/// Version of `verdict.json`; a change that old readers would misread raises it.
pub const FORMAT: u32 = 1;

/// The report for programs.
pub const VERDICT: &str = "verdict.json";

/// A form of the report, as a file.
struct Format {
    /// Its name in the run's directory.
    file: &'static str,
    /// What is written to it.
    text: fn(&Report) -> Result<String>,
}

/// The page for people first; the others are named behind it.
const FORMATS: [Format; 4] = [
    Format { file: "report.html", text: page::document },
    Format { file: VERDICT, text: Report::json },
    Format { file: "junit.xml", text: junit::document },
    Format { file: "summary.md", text: |report| Ok(markdown::summary(report)) },
];

/// A whole run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Version of this format.
    pub format: u32,
    /// The worst of the scenarios'; void without any.
    pub verdict: Verdict,
    /// The part of a set that it is; `null`: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// The scenarios by versions; `null`: they were run on one pair of versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matrix: Option<Matrix>,
    /// In the order of their names.
    pub scenarios: Vec<ScenarioReport>,
}

/// One scenario.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioReport {
    /// `<folder>/<file stem>` of the scenario file.
    pub name: String,
    /// The versions that it was run on, where the run has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Versions>,
    /// What the scenario claims, in its author's words.
    pub description: String,
    /// Name and version of the chart, and what it is upgraded from.
    pub chart: String,
    /// The worst of its checks'.
    pub verdict: Verdict,
    /// How long the recording is.
    pub seconds: f64,
    /// The steps that began, in their order.
    pub steps: Vec<StepReport>,
    /// What stub images leave open; `null`: the application itself ran.
    #[serde(default)]
    pub replaced: Option<Replaced>,
    /// What each check found.
    pub checks: Vec<Finding>,
    /// The checks that need more than was done, such as a cluster: nothing is known of them.
    #[serde(default)]
    pub not_examined: Vec<String>,
    /// What an uninstall left besides what is kept on purpose: `KIND/NAME`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<String>,
    /// What a reader must know of how it was done.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Why it was not run, or not to its end; `null`: it was.
    #[serde(default)]
    pub not_run: Option<String>,
    /// The command that runs this scenario alone once more; `null`: its file is not known any more.
    pub repeat: Option<String>,
    /// The folder of its evidence.
    #[serde(skip)]
    pub evidence: PathBuf,
}

/// A step of a scenario.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct StepReport {
    /// From 1.
    pub number: usize,
    /// `install`, `upgrade`, `rollback`, …
    pub verb: String,
    /// Helm's major version, where the step names another one than the run's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helm: Option<String>,
    /// The release's revision after it, from 1; `null`: helm gave none.
    pub revision: Option<u32>,
    /// When it began, in milliseconds since the recording began.
    pub started_ms: u64,
    /// When it ended, its samples included; `null`: the recording ends in it.
    pub ended_ms: Option<u64>,
    /// What went wrong in it; `null`: nothing.
    pub trouble: Option<String>,
}

impl Report {
    /// The scenarios in the order of their names, and the run's verdict.
    pub fn new(mut scenarios: Vec<ScenarioReport>) -> Self {
        scenarios.sort_by(|one, other| (&one.name, &one.on).cmp(&(&other.name, &other.on)));
        let worst = scenarios.iter().map(|scenario| scenario.verdict).max();
        let matrix = Matrix::of(&scenarios);
        Self { format: FORMAT, verdict: worst.unwrap_or(Verdict::Void), shard: None, matrix, scenarios }
    }

    /// Reads what a run wrote into its folder.
    ///
    /// # Errors
    /// [`Invalid`] if there is no report, or one of another format.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(VERDICT);
        let refusal = |why: &str| {
            let hint = "hint: name the folder that a run wrote: its `--out`";
            Invalid(format!("no report at `{}`: {why}\n{hint}", folder.display()))
        };
        let text = std::fs::read_to_string(&path).map_err(|error| refusal(&format!("{VERDICT}: {error}")))?;
        let report: Self = serde_json::from_str(&text).map_err(|error| refusal(&format!("{VERDICT}: {error}")))?;
        if report.format != FORMAT {
            let format = report.format;
            return Err(refusal(&format!("it has format {format}, and this chartgate reads {FORMAT}")).into());
        }
        Ok(report)
    }

    /// Writes each format into a directory: `verdict.json`, `junit.xml`, `summary.md` and `report.html`.
    ///
    /// # Errors
    /// [`Environment`] if there is no room, or the folder may not be written to.
    pub fn write(&self, folder: &Path) -> Result<()> {
        FORMATS.iter().try_for_each(|format| write(folder, format.file, &(format.text)(self)?))
    }

    fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self).context("encode the verdict")? + "\n")
    }

    /// The JSON schema of `verdict.json`.
    pub fn schema() -> Schema {
        schemars::schema_for!(Self)
    }

    /// How many scenarios ended so.
    fn count(&self, verdict: Verdict) -> usize {
        self.scenarios.iter().filter(|scenario| scenario.verdict == verdict).count()
    }
}

/// One line that says where the reports of a folder are.
pub fn place(folder: &Path) -> String {
    let [page, others @ ..] = FORMATS.map(|format| format.file);
    let (last, first) = others.split_last().map_or(("", &[][..]), |(last, first)| (*last, first));
    format!("report: {}, and beside it {} and {last}", folder.join(page).display(), first.join(", "))
}

fn write(folder: &Path, name: &str, text: &str) -> Result<()> {
    let path = folder.join(name);
    // In a recording of somebody else's, a link would lead this out of its directory.
    let unlinked = || if path.is_symlink() { std::fs::remove_file(&path) } else { Ok(()) };
    let written = std::fs::create_dir_all(folder).and_then(|()| unlinked()).and_then(|()| std::fs::write(&path, text));
    written.map_err(|error| {
        let hint = "free some space, or choose another folder with `--out`";
        Environment::hinted(format!("cannot write `{}`: {error}", path.display()), hint).into()
    })
}

impl ScenarioReport {
    /// A scenario of which nothing is known yet.
    pub fn empty(plan: &Plan, evidence: &Path) -> Self {
        Self {
            name: plan.name.clone(),
            on: plan.on.clone(),
            description: plan.description.clone(),
            chart: plan.subject(),
            verdict: Verdict::Void,
            seconds: 0.0,
            steps: Vec::new(),
            replaced: None,
            checks: Vec::new(),
            not_examined: Vec::new(),
            leftovers: Vec::new(),
            notes: Vec::new(),
            not_run: None,
            repeat: plan.command(),
            evidence: evidence.to_owned(),
        }
    }

    /// What nobody ran, and why: it proves nothing.
    pub fn unproven(name: String, description: &str, findings: Vec<Finding>) -> Self {
        let plan = Plan { name, description: description.to_owned(), ..Plan::default() };
        Self { chart: String::new(), checks: findings, ..Self::empty(&plan, Path::new("")) }
    }

    /// What a recording shows, and the findings on it.
    pub fn of(recording: &Recording, evidence: &Path) -> Self {
        let Examined { findings: checks, not_examined, leftovers } = chartgate_judge::examine(recording);
        let length = recording.entries.last().map_or(0, |entry| entry.at);
        Self {
            verdict: chartgate_judge::verdict_of(&checks),
            seconds: Duration::from_millis(length).as_secs_f64(),
            steps: steps(recording),
            replaced: Replaced::of(recording),
            notes: unexamined(&recording.plan, &not_examined).into_iter().collect(),
            checks,
            not_examined,
            leftovers,
            ..Self::empty(&recording.plan, evidence)
        }
    }

    /// One that was not run, or not to its end, and why. What was recorded of it stays.
    pub fn stopped(plan: &Plan, evidence: &Path, why: &str) -> Self {
        let known =
            Recording::load(evidence).map_or_else(|_| Self::empty(plan, evidence), |it| Self::of(&it, evidence));
        let finding = Finding {
            check: "run".to_owned(),
            verdict: Verdict::Void,
            message: format!("not run{}: {why}", if known.steps.is_empty() { "" } else { " to its end" }),
            evidence: Vec::new(),
            problems: Vec::new(),
            since: None,
            templates: Vec::new(),
        };
        Self { verdict: Verdict::Void, checks: vec![finding], not_run: Some(why.to_owned()), ..known }
    }

    /// Its name, with the versions that it was run on where the run has several.
    pub fn title(&self) -> String {
        self.plan().title()
    }

    /// Where its evidence is below the run's folder.
    pub fn place(&self) -> PathBuf {
        self.plan().place()
    }

    /// What names it, as its plan has it.
    fn plan(&self) -> Plan {
        Plan { name: self.name.clone(), on: self.on.clone(), ..Plan::default() }
    }

    /// How long the recording is.
    pub fn took(&self) -> Duration {
        Duration::try_from_secs_f64(self.seconds).unwrap_or_default()
    }

    /// The checks that do not pass, or that it was not run.
    pub fn wrong(&self) -> String {
        if self.not_run.is_some() {
            return self.checks.first().map(|finding| finding.message.clone()).unwrap_or_default();
        }
        self.decisive().iter().map(|finding| finding.check.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The findings that do not let it pass, the cause first: what is broken is the likely cause of what could not be proven.
    fn decisive(&self) -> Vec<&Finding> {
        let Red { broken, explained, unproven, .. } = Red::of(self);
        let found = if broken.is_empty() { unproven } else { [broken, explained].concat() };
        if found.is_empty() { self.findings(Verdict::Void).collect() } else { found }
    }

    /// What a reader must know before the checks: each line, and what it is about.
    fn preface(&self) -> Vec<(&'static str, String)> {
        self.replaced.as_ref().map(|replaced| replaced.lines(&self.not_examined)).unwrap_or_default()
    }

    /// The findings that ended so.
    fn findings(&self, verdict: Verdict) -> impl Iterator<Item = &Finding> {
        self.checks.iter().filter(move |finding| finding.verdict == verdict)
    }

    /// The step that was under way at a moment.
    fn step_at(&self, at: u64) -> Option<&StepReport> {
        self.steps.iter().find(|step| step.started_ms <= at && step.ended_ms.is_none_or(|end| at <= end))
    }
}

impl StepReport {
    /// Number and verb, as messages show them.
    pub fn label(&self) -> String {
        let by = self.helm.as_ref().map_or(String::new(), |helm| format!(" by Helm {helm}"));
        format!("step {} ({}{by})", self.number, self.verb)
    }
}

/// What is said of the checks that the scenario exists to prove and that this way of running it cannot examine.
fn unexamined(plan: &Plan, not_examined: &[String]) -> Option<String> {
    let is_left_out = |name: &&str| not_examined.iter().any(|it| it == name);
    let listed: Vec<&str> = plan.proves.iter().map(|name| chartgate_judge::present_name(name)).collect();
    let left_out: Vec<&str> = listed.iter().copied().filter(is_left_out).collect();
    let (out, all) = (left_out.len(), listed.len());
    (out > 0).then(|| format!("{out} of the {all} checks in `proves` were not examined: {}", left_out.join(", ")))
}

fn steps(recording: &Recording) -> Vec<StepReport> {
    let mut steps: Vec<StepReport> = Vec::new();
    for entry in &recording.entries {
        match (&entry.moment, steps.last_mut()) {
            (Moment::StepStarted { step }, _) => steps.push(StepReport {
                number: step + 1,
                verb: recording.plan.steps.get(*step).map_or("step", Step::verb).to_owned(),
                helm: recording.plan.steps.get(*step).and_then(|step| step.helm.clone()),
                revision: None,
                started_ms: entry.at,
                ended_ms: None,
                trouble: None,
            }),
            (Moment::Release(release), Some(last)) if last.number == release.step + 1 => {
                last.revision = Some(release.revision);
            }
            (Moment::StepEnded { step, outcome }, Some(last)) if last.number == step + 1 => {
                last.ended_ms = Some(entry.at);
                last.trouble = match outcome {
                    StepOutcome::Succeeded => None,
                    StepOutcome::HelmFailed { why } | StepOutcome::NotReady { why } => Some(why.clone()),
                    StepOutcome::Interrupted => Some("helm was killed".to_owned()),
                    StepOutcome::NotExamined { why } => Some(format!("not examined: {why}")),
                };
            }
            _ => {}
        }
    }
    steps
}

#[cfg(test)]
mod testing;
