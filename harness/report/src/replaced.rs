//! What a reader must know of a run with stub images before anything else.

use chartgate_model::plan::{Step, StubImages};
use chartgate_model::recording::{Moment, Recording, StepOutcome};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Images were replaced by stubs: what ran is not the application.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Replaced {
    /// Only images that could neither be pulled nor loaded; else all of the release's.
    pub only_missing: bool,
    /// What was taken for granted because a program that would have done it did not run.
    pub assumed: Vec<String>,
    /// Steps that showed nothing, and why.
    pub steps_not_examined: Vec<String>,
}

impl Replaced {
    /// What a recording says of it; `None`: the application itself ran.
    pub(super) fn of(recording: &Recording) -> Option<Self> {
        let only_missing = match recording.plan.stub_images {
            StubImages::Off => return None,
            StubImages::Missing => true,
            StubImages::All => false,
        };
        let (mut assumed, mut steps) = (Vec::new(), Vec::new());
        let label = |step: usize| {
            let title = recording.plan.steps.get(step).map_or("step".to_owned(), Step::title);
            format!("step {} ({title})", step + 1)
        };
        for entry in &recording.entries {
            match &entry.moment {
                Moment::Assumed { what } if !assumed.contains(what) => assumed.push(what.clone()),
                Moment::StepEnded { step, outcome: StepOutcome::NotExamined { why } } => {
                    let last = recording.plan.steps.len().saturating_sub(1);
                    let rest = if *step < last { ", and so nothing after it" } else { "" };
                    steps.push(format!("{}{rest}: {why}", label(*step)));
                }
                _ => {}
            }
        }
        Some(Self { only_missing, assumed, steps_not_examined: steps })
    }

    /// The same as lines, each with what it is about.
    pub(super) fn lines(&self, checks: &[String]) -> Vec<(&'static str, String)> {
        let which =
            if self.only_missing { "images that could not be had were" } else { "every image of the release was" };
        let what = format!("{which} replaced by a stub: what the application itself does was not examined");
        let mut lines = vec![("stub images", what)];
        lines.extend(self.assumed.iter().map(|what| ("assumed", what.clone())));
        lines.extend(self.steps_not_examined.iter().map(|step| ("not examined", step.clone())));
        lines.extend((!checks.is_empty()).then(|| ("not examined", checks.join(", "))));
        lines
    }
}
