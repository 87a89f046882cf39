//! `from:` and `--from`: what an upgrade starts from.

use std::path::Path;

use anyhow::Result;

use super::Overrides;
use crate::plan::{Origin, Place, Plan};
use crate::yaml::{Invalid, nearest};

/// What stands for the chart itself.
const SELF: &str = "self";

/// The words that are no path.
const WORDS: [&str; 2] = ["previous", SELF];

/// A version that cannot be meant.
pub(super) struct Wrong {
    pub(super) asked: String,
    pub(super) why: String,
}

/// The plan, upgraded from what the user says, else from what its scenario does. A plan without an upgrade stays as it is.
pub(super) fn begin_with(plan: Plan, scenarios: Vec<Origin>, overrides: &Overrides) -> Result<Plan> {
    let users = origins(&overrides.from, Path::new("")).map_err(|wrong| Invalid(format!("--from: {}", wrong.why)))?;
    Ok(match overrides.from.is_empty() {
        true => plan.through(scenarios),
        false if plan.has_upgrade() => plan.through(users),
        false => plan,
    })
}

/// Reads versions; paths are relative to a folder.
pub(super) fn origins(asked: &[String], folder: &Path) -> Result<Vec<Origin>, Wrong> {
    let wrong = |asked: &String, why: String| Wrong { asked: asked.clone(), why };
    if let [only] = asked
        && only == SELF
    {
        return Ok(Vec::new());
    }
    asked
        .iter()
        .map(|text| {
            let place = if text == SELF {
                Err("`self` stands alone: the chart itself is what the last version is upgraded to".to_owned())
            } else {
                place(text, folder)
            };
            let place = place.map_err(|why| wrong(text, why))?;
            Ok(Origin { asked: text.clone(), place, ..Origin::default() })
        })
        .collect()
}

fn place(text: &str, folder: &Path) -> Result<Place, String> {
    if text == "previous" {
        return Ok(Place::Previous);
    }
    if let Some(reference) = text.strip_prefix("git:") {
        let is_name = !reference.is_empty() && !reference.starts_with('-');
        return if is_name { Ok(Place::Git(reference.to_owned())) } else { Err(format!("`{text}` names no commit")) };
    }
    if text.starts_with("oci://") {
        return Ok(Place::Registry(text.to_owned()));
    }
    let path = folder.join(text);
    // A path that is not there may be made by then; a single word is a mistake.
    if text.contains('/') || Path::new(text).extension().is_some_and(|ending| ending == "tgz") || path.exists() {
        let absolute = std::path::absolute(&path).map_err(|error| format!("`{text}` is no path: {error}"))?;
        return Ok(Place::Path(absolute));
    }
    let hint = nearest(text, WORDS.into_iter()).map_or(String::new(), |near| format!("\nhint: did you mean `{near}`?"));
    let known = "`previous`, `self`, `git:REF`, `oci://…`, a chart's folder or its `.tgz`";
    Err(format!("`{text}` is no version to upgrade from; write {known}{hint}"))
}
