//! A scenario's text.

use std::fmt::{Result, Write};

use chartgate_judge::{Check, Level, Verdict};

use super::found::Found;
use super::render::Render;

/// The file that the scenario of a set of values stands in.
pub fn file_name(render: &Render) -> String {
    // Beside it stands the contract.
    if render.name == "contract" { "contract-values.yaml".to_owned() } else { format!("{}.yaml", render.name) }
}

/// What can be proven of the chart with one set of values as it is, and in comments what its maintainer may add.
pub fn text(found: &Found, index: usize, render: &Render) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    write_all(found, index, render, &mut out).ok();
    out
}

/// The text with the checks that the scenario exists to prove: those that apply, and whose finding is no advice.
pub fn proving(text: &str, applicable: &[(&Check, Verdict)]) -> String {
    let is_proven = |(check, verdict): &&(&Check, Verdict)| check.level == Level::Fail && *verdict != Verdict::Advice;
    let listed: Vec<&str> = applicable.iter().filter(is_proven).map(|(check, _)| check.name).collect();
    if listed.is_empty() {
        return text.to_owned();
    }
    let lines: String = listed.iter().flat_map(|check| ["  - ", check, "\n"]).collect();
    let steps = "steps:\n";
    let comment = "# What it exists to prove: if one of these finds nothing to judge any more, it is void. Keep those that you mean.";
    text.replacen(steps, &format!("{comment}\nproves:\n{lines}{steps}"), 1)
}

fn write_all(found: &Found, index: usize, render: &Render, out: &mut String) -> Result {
    let (chart, name) = (&found.chart, &render.name);
    writeln!(out, "description: {chart} installs with its {name} values, takes the same again, and goes back.")?;
    writeln!(
        out,
        "# Another name than the chart's, as users give it: an object whose name is the same for every release shows."
    )?;
    writeln!(out, "release: {}", render.release)?;
    match render.file.as_ref().and_then(|file| file.file_name()) {
        Some(file) => writeln!(out, "values-files: [{:?}]", format!("../{}", file.to_string_lossy()))?,
        None => writeln!(out, "# values: {{}}              # of every step, on top of the chart's own")?,
    }
    let without = found.without(index);
    if !without.is_empty() {
        writeln!(out, "# What these values switch off: it must not appear.\nwithout: {without:?}")?;
    }
    writeln!(
        out,
        "# from: previous          # upgrade from the newest earlier version in git, or from `oci://…:VERSION`, or a path"
    )?;
    let serving = found.roles.iter().filter(|(name, _)| !without.contains(&name.as_str()));
    let mut serving = serving.filter(|(_, role)| role.serves.as_ref().is_some_and(|serves| serves.ready.is_some()));
    if let Some((role, _)) = serving.next() {
        writeln!(out, "# traffic: {{{role}: 50/s}}   # requests through the Service all the time: none may be lost")?;
    }
    writeln!(
        out,
        "# neighbour: {{release: other}}   # a second release in the same namespace: neither may disturb the other"
    )?;
    writeln!(out, "steps:\n  - install: {{}}")?;
    writeln!(
        out,
        "  # The same once more, as a controller does it every few minutes: nothing may break.\n  - upgrade: {{again: true}}"
    )?;
    if let Some((image, _)) = found.images.iter().next() {
        writeln!(out, "  # - upgrade: {{images: {{{image}: v2}}}}   # once the contract names two versions")?;
    }
    writeln!(out, "  - rollback: {{}}")?;
    if found.has_tests(index) {
        writeln!(out, "  - test: {{}}")?;
    }
    Ok(())
}
