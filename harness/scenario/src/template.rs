//! The templates of files: which there are, and where one is named that there is not.

use chartgate_model::plan::Backing;
use chartgate_yaml::{Mistake, Spot, unknown};

use super::values::names_in;

/// What stands for the same in every scenario.
const ALWAYS: [&str; 2] = ["release", "namespace"];

/// The templates that values and Secrets may use, besides `{{random.32}}` and `{{image.NAME}}`.
pub(super) fn known<'a>(backing: impl Iterator<Item = (&'a String, &'a Backing)>) -> Vec<String> {
    let always = ALWAYS.iter().map(|name| (*name).to_owned());
    let servers = backing.flat_map(|(name, server)| server.fields().iter().map(move |field| format!("{name}.{field}")));
    always.chain(servers).collect()
}

/// Refuses templates that stand for nothing, in all texts below.
pub(super) fn check(at: Spot, known: &[String]) {
    at.visit_texts(&mut |at, text| match names_in(text) {
        Err(unclosed) => at.refuse(Mistake::new(&unclosed)),
        Ok(names) => {
            for name in names.into_iter().filter(|name| !is_free(name) && !known.iter().any(|known| known == name)) {
                at.refuse(unknown("template", name, known.iter().map(String::as_str)));
            }
        }
    });
}

/// Whether a template is none of the known ones and can be filled in all the same; which images there are, the set-up knows.
fn is_free(name: &str) -> bool {
    name.starts_with("image.") || name.strip_prefix("random.").is_some_and(|length| length.parse::<usize>().is_ok())
}
