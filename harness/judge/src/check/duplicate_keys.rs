//! `duplicate-keys`: no mapping of a rendered object has a key twice.

use chartgate_model::recording::Moment;

use crate::tally::{Tally, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};

pub(crate) const DUPLICATE_KEYS: Check = Check {
    name: "duplicate-keys",
    proves: "no mapping of a rendered object has a key twice",
    means: "helm keeps the last one in silence, so a setting of the chart or of the user is lost, and other tools refuse the manifest",
    explanation: include_str!("../explanation/duplicate-keys.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge,
};

fn judge(view: &View) -> Finding {
    let mut tally = Tally::new(DUPLICATE_KEYS.name);
    for entry in &view.recording.entries {
        let Moment::Manifest { step, sources, repeated } = &entry.moment else { continue };
        // What an earlier version repeats is no fault of this one.
        if view.steps.get(*step).is_none_or(|run| !run.is_tested()) {
            continue;
        }
        tally.proved(note(format!("{} objects were read", sources.len())));
        for (hash, keys) in repeated {
            let source = sources.get(hash).map_or(String::new(), |source| format!(" (`{source}`)"));
            for key in keys {
                let what =
                    format!("`{}` of {}{source} is there twice", key.path, view.recording.object(hash).slashed());
                let hint = "render it once: what two templates add to one mapping must not overlap";
                if key.is_same {
                    tally.advise(format!("{what}, with the same value")).hint(hint);
                } else {
                    tally.fail(format!("{what}, and helm keeps the last one alone")).hint(hint);
                }
            }
        }
    }
    tally.finish_or("no mapping has a key twice", "the text of no manifest was recorded")
}

#[cfg(test)]
mod tests;
