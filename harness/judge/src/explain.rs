//! What a check proves, what its failure means, how both look and what to do: for the terminal, and for the book.
//!
//! The two sentences stand in the check itself, all else in its text file below `judge/explanation/`. A test of the check holds
//! the examples to what it really says.

use std::fmt::Write;

use crate::Group;
use chartgate_yaml::{Invalid, nearest};

/// A check's text file, in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation<'a> {
    /// How the promise is proven, and when that cannot be done.
    pub how: &'a str,
    /// What the check says when the promise holds.
    pub passes: &'a str,
    /// The worst that it says otherwise.
    pub fails: &'a str,
    /// What a maintainer can do.
    pub remedy: &'a str,
    /// Where the fault was met in public, by project and issue.
    pub met_in: Option<&'a str>,
}

/// The headings of a text file's parts.
pub const PARTS: [&str; 4] = ["Passes", "Fails", "What to do", "Met in public"];

impl<'a> Explanation<'a> {
    /// The parts of a text file; one that is missing is empty.
    pub fn of(text: &'a str) -> Self {
        let part = |heading: &str| {
            let mut parts = text.split("\n## ").filter_map(|part| part.split_once('\n'));
            parts.find_map(|(first, body)| (first == heading).then_some(body.trim()))
        };
        let [passes, fails, remedy] = [0, 1, 2].map(|index| part(PARTS[index]).unwrap_or_default());
        let how = text.split("\n## ").next().unwrap_or_default().trim();
        Self { how, passes, fails, remedy, met_in: part(PARTS[3]) }
    }
}

/// One check, for the terminal.
///
/// # Errors
/// [`Invalid`] if no check has the name.
pub fn explain(name: &str) -> Result<String, Invalid> {
    let known = crate::GROUPS.iter().find_map(|group| {
        let check = group.checks.iter().find(|check| check.name == name)?;
        Some((group, check))
    });
    let (group, check) = known.ok_or_else(|| unknown(name))?;
    let Explanation { how, passes, fails, remedy, met_in } = Explanation::of(check.explanation);
    let mut out = format!("{name}, a check of {}\n", group.name);
    let sections = [
        ("Proves", Some(check.proves)),
        ("A failure means", Some(check.means)),
        ("How it is proven", Some(how)),
        (PARTS[0], Some(passes)),
        (PARTS[1], Some(fails)),
        (PARTS[2], Some(remedy)),
        (PARTS[3], met_in),
    ];
    for (heading, text) in sections {
        let Some(text) = text else { continue };
        // Writing to a text cannot fail.
        writeln!(out, "\n{heading}\n{}", indented(text)).ok();
    }
    Ok(out)
}

/// A part, two columns in. On a terminal the place of a block is enough, without its fences.
fn indented(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("```"));
    let lines = lines.map(|line| if line.is_empty() { String::new() } else { format!("  {line}") });
    lines.collect::<Vec<_>>().join("\n")
}

fn unknown(name: &str) -> Invalid {
    let near = nearest(name, crate::all().map(|check| check.name));
    let hint = near.map_or("`chartgate explain` lists them".to_owned(), |near| format!("did you mean `{near}`?"));
    Invalid(format!("there is no check `{name}`\nhint: {hint}"))
}

/// All checks by group, for the terminal.
pub fn overview() -> String {
    let mut out = String::new();
    for Group { name, about, checks } in crate::GROUPS {
        let gap = if out.is_empty() { "" } else { "\n" };
        // Writing to a text cannot fail.
        writeln!(out, "{gap}{name}: {about}").ok();
        for check in *checks {
            writeln!(out, "  {:<26} {}", check.name, check.proves).ok();
        }
    }
    out + "\n`chartgate explain NAME` says more of one\n"
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// A failure would mean that a user looks a failure up and finds nothing to do about it.
    #[test]
    fn every_check_is_explained() {
        for check in crate::all() {
            let Explanation { how, passes, fails, remedy, met_in } = Explanation::of(check.explanation);
            let file = format!("harness/judge/src/explanation/{}.md", check.name);
            for part in [how, passes, fails, remedy] {
                assert!(
                    !part.is_empty(),
                    "{file} needs how it is proven, and the parts {PARTS:?}; the last may be left out"
                );
            }
            assert!(met_in.is_none_or(|met| met.contains(" #")), "{file}: a project and its issue, as in `helm #3053`");
        }
    }

    /// A failure would mean that an example on the screen is one that no run ever prints.
    #[test]
    fn every_example_is_held_to_what_the_check_says() {
        let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        // Without the breaks that rustfmt puts in.
        let sources = sources(&judge).split_whitespace().collect::<String>();
        for check in crate::all() {
            let constant = check.name.replace('-', "_").to_uppercase();
            let call = format!("examples(&{constant},");
            let hint =
                format!("add `examples(&{constant}, &passing, &failing)` of `crate::testing` to the check's tests");
            assert!(sources.contains(&call), "no test holds the examples of `{}`\nhint: {hint}", check.name);
        }
    }

    fn sources(folder: &Path) -> String {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let text = |path: std::path::PathBuf| {
            if path.is_dir() { sources(&path) } else { std::fs::read_to_string(&path).unwrap() }
        };
        entries.map(text).collect()
    }

    /// A failure would mean that a mis-typed name is a dead end.
    #[test]
    fn an_unknown_name_suggests_the_nearest() {
        let said = explain("hook-ordr").unwrap_err().0;
        assert!(said.contains("no check `hook-ordr`\nhint: did you mean `hook-order`?"), "{said}");
        assert!(explain("xyz").unwrap_err().0.contains("hint: `chartgate explain` lists them"));
    }

    /// A failure would mean that a person reads Markdown's marks, or misses a part.
    #[test]
    fn an_explanation_has_all_parts_and_no_fences() {
        let shown = explain("secrets-stable").unwrap();
        for part in [
            "secrets-stable, a check of upgrade\n",
            "\nProves\n  ",
            "\nPasses\n  pass ",
            "\nFails\n  FAIL secrets-stable",
        ] {
            assert!(shown.contains(part), "`{part}` is not in:\n{shown}");
        }
        assert!(shown.contains("\nMet in public\n  helm #3053\n") && !shown.contains("```"), "{shown}");
        let overview = overview();
        assert!(overview.contains("\nhooks: ") && overview.contains("\n  hook-order  "), "{overview}");
    }
}
