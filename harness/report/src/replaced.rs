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
    /// Those that were replaced, where only the missing ones were.
    #[serde(default)]
    pub images: Vec<String>,
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
        let (mut images, mut assumed, mut steps) = (Vec::new(), Vec::new(), Vec::new());
        let label = |step: usize| {
            let title = recording.plan.steps.get(step).map_or("step".to_owned(), Step::title);
            format!("step {} ({title})", step + 1)
        };
        for entry in &recording.entries {
            match &entry.moment {
                Moment::Stubbed { images: replaced } => images.extend(replaced.iter().cloned()),
                Moment::Assumed { what } if !assumed.contains(what) => assumed.push(what.clone()),
                Moment::StepEnded { step, outcome: StepOutcome::NotExamined { why } } => {
                    let last = recording.plan.steps.len().saturating_sub(1);
                    let rest = if *step < last { ", and so nothing after it" } else { "" };
                    steps.push(format!("{}{rest}: {why}", label(*step)));
                }
                _ => {}
            }
        }
        Some(Self { only_missing, images, assumed, steps_not_examined: steps })
    }

    /// The same as lines, each with what it is about.
    pub(super) fn lines(&self, checks: &[String]) -> Vec<(&'static str, String)> {
        let which = match (self.only_missing, self.images.as_slice()) {
            (false, _) => "every image of the release was replaced by a stub".to_owned(),
            (true, []) => "every image of the release could be had, and none was replaced by a stub".to_owned(),
            (true, images) => format!("what could not be had was replaced by a stub ({})", images.join(", ")),
        };
        let what = format!("{which}: what the application itself does was not examined");
        let mut lines = vec![("stub images", what)];
        lines.extend(self.assumed.iter().map(|what| ("assumed", what.clone())));
        lines.extend(self.steps_not_examined.iter().map(|step| ("not examined", step.clone())));
        lines.extend((!checks.is_empty()).then(|| ("not examined", checks.join(", "))));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a reader does not learn which of the containers that ran were the application.
    #[test]
    fn a_run_says_which_images_it_replaced() {
        let said = |only_missing: bool, images: &[&str]| {
            let images = images.iter().map(|&image| image.to_owned()).collect();
            let replaced = Replaced { only_missing, images, assumed: Vec::new(), steps_not_examined: Vec::new() };
            replaced.lines(&[])[0].1.clone()
        };
        assert!(said(false, &[]).starts_with("every image of the release was replaced by a stub: "));
        assert!(said(true, &[]).starts_with("every image of the release could be had, and none was replaced"));
        let some = said(true, &["a/web:1", "a/db:2"]);
        assert!(some.starts_with("what could not be had was replaced by a stub (a/web:1, a/db:2): "), "{some}");
    }
}
