//! The contract's text.

use std::fmt::{Result, Write};

use super::found::Found;
use super::role::Role;
use super::secret::{UNKNOWN, servers};

/// What the chart promises, as far as its objects say so.
pub fn text(found: &Found) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    write_all(found, &mut out).ok();
    out
}

fn write_all(found: &Found, out: &mut String) -> Result {
    let chart = &found.chart;
    writeln!(out, "# What the chart `{chart}` promises, as `chartgate init` read it from what the chart renders.")?;
    writeln!(out, "# Read each line: what stands here is held against every change of the chart.\n")?;
    write_backing(found, out)?;
    write_requirements(found, out)?;
    write_secrets(found, out)?;
    write_images(found, out)?;
    write_roles(found, out)?;
    write_hooks(found, out)?;
    writeln!(
        out,
        "# Good habits that the chart promises beyond what every chart must hold, for example `pods-restricted`, `names-unique`:"
    )?;
    writeln!(out, "# `chartgate explain` lists the checks. `strict: true` promises all of them.")?;
    writeln!(out, "checks: []")
}

fn write_backing(found: &Found, out: &mut String) -> Result {
    writeln!(
        out,
        "# Servers that the pods need besides the chart: `postgres: {{}}` gives `{{{{postgres.url}}}}` to values and Secrets."
    )?;
    let servers = servers(&found.secrets);
    if servers.is_empty() {
        return writeln!(out, "# backing:\n#   postgres: {{}}\n");
    }
    writeln!(out, "backing:")?;
    servers.iter().try_for_each(|server| writeln!(out, "  {server}: {{}}"))?;
    writeln!(out)
}

fn write_requirements(found: &Found, out: &mut String) -> Result {
    if found.foreign.is_empty() {
        return Ok(());
    }
    let kinds: Vec<&str> = found.foreign.iter().map(String::as_str).collect();
    writeln!(out, "# The chart makes objects whose definitions it does not bring: {}.", kinds.join(", "))?;
    writeln!(out, "# Name where they are, and what else must be in the cluster first:")?;
    writeln!(out, "# requires:\n#   - manifest: ../../definitions.yaml\n")
}

fn write_secrets(found: &Found, out: &mut String) -> Result {
    if found.secrets.is_empty() && found.made_later.is_empty() {
        return Ok(());
    }
    writeln!(out, "# Secrets that the chart refers to and does not make. Put what the application can start with.")?;
    writeln!(out, "secrets:{}", if found.secrets.is_empty() { " {}" } else { "" })?;
    for name in &found.made_later {
        writeln!(
            out,
            "# Something of the chart may make secret/{name} as it runs. If nothing does, name it here with its keys."
        )?;
    }
    for (name, keys) in &found.secrets {
        writeln!(out, "  {}:{}", quoted(name), if keys.is_empty() { " {}   # which keys does it need?" } else { "" })?;
        for (key, value) in keys {
            let comment = if *value == UNKNOWN { "" } else { "   # a guess, from its name" };
            writeln!(out, "    {}: \"{value}\"{comment}", quoted(key))?;
        }
    }
    writeln!(out)
}

fn write_images(found: &Found, out: &mut String) -> Result {
    if found.images.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "# Value paths of the images, and the versions that scenarios use: let `v2` be another version than `v1`, and scenarios can"
    )?;
    writeln!(
        out,
        "# upgrade to it (`upgrade: {{images: {{NAME: v2}}}}`). `chartgate run --image NAME=REPO:TAG` puts another in its place.\nimages:"
    )?;
    for (name, image) in &found.images {
        writeln!(out, "  {}:\n    repository: {}", quoted(name), image.repository)?;
        if let Some(tag) = &image.tag {
            writeln!(out, "    tag: {tag}")?;
        }
        if let Some(repository) = &image.r#use {
            writeln!(out, "    use: {}", quoted(repository))?;
        }
        let tag = &image.default_tag;
        writeln!(out, "    versions: {{v1: {tag:?}, v2: {tag:?}}}")?;
        writeln!(out, "    roles: [{}]", list(&image.roles))?;
    }
    writeln!(out)
}

fn write_roles(found: &Found, out: &mut String) -> Result {
    for name in &found.unlabelled {
        writeln!(
            out,
            "# `{name}` has no labels that tell its pods from others with all values: with some, it could be a role."
        )?;
    }
    if found.roles.is_empty() {
        return writeln!(
            out,
            "# The chart has no pods that go on until they are stopped and that labels tell apart, so it has no roles.\nroles: {{}}\n"
        );
    }
    writeln!(
        out,
        "# Who does what. Without `serves`, a role's pods must refuse connections; `listens` names ports that are nobody else's business."
    )?;
    writeln!(out, "roles:")?;
    for (name, role) in &found.roles {
        writeln!(out, "  {}:\n    select: \"{}\"", quoted(name), role.select)?;
        write_environment(found, role, out)?;
        if let Some(serves) = &role.serves {
            match &serves.ready {
                Some(path) => writeln!(out, "    serves: {{port: {}, ready: {path:?}}}", serves.port)?,
                None => writeln!(
                    out,
                    "    serves: {{port: {}}}   # `ready: /PATH` holds it to what it answers there, too",
                    serves.port
                )?,
            }
        }
        if !role.listens.is_empty() {
            let ports: Vec<String> = role.listens.iter().cloned().collect();
            writeln!(out, "    listens: [{}]", list(&ports))?;
        }
        if role.is_single {
            writeln!(out, "    singleton: true")?;
        }
    }
    writeln!(out)
}

/// What makes a role this role: the variables that another one has not, or has otherwise.
fn write_environment(found: &Found, role: &Role, out: &mut String) -> Result {
    let is_shared = |pair: &&(String, String)| found.roles.values().all(|other| other.environment.contains(pair));
    let own: Vec<String> = role
        .environment
        .iter()
        .filter(|pair| !is_shared(pair))
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    if own.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "    # What makes it this role, if any of it does; `null`: must not be set.\n    # env: {{{}}}",
        own.join(", ")
    )
}

fn write_hooks(found: &Found, out: &mut String) -> Result {
    let unnamed = [&found.nameless, &found.sometimes, &found.other_hooks];
    if found.hooks.is_empty() && unnamed.iter().all(|names| names.is_empty()) {
        return Ok(());
    }
    writeln!(
        out,
        "# Jobs that helm runs: each once for each of its events, and before the new pods of the roles that wait for it."
    )?;
    for name in &found.nameless {
        writeln!(
            out,
            "# The hook job/{name} has no labels that tell it from other Jobs: with some, it could stand here."
        )?;
    }
    for name in &found.sometimes {
        writeln!(
            out,
            "# job/{name} is another hook with other values, or none: a contract holds for all of them, so it cannot stand here."
        )?;
    }
    for name in &found.other_hooks {
        writeln!(out, "# {name} is a hook that is no Job: nothing can be promised of it here.")?;
    }
    writeln!(out, "hooks:{}", if found.hooks.is_empty() { " {}" } else { "" })?;
    let roles: Vec<String> = found.roles.keys().cloned().collect();
    for (name, hook) in &found.hooks {
        writeln!(out, "  {}:\n    select: \"{}\"\n    events: [{}]", quoted(name), hook.select, list(&hook.events))?;
        let is_before = |event: &str| hook.events.iter().any(|other| other == event);
        if is_before("pre-install") && !roles.is_empty() {
            writeln!(out, "    before: [{}]", list(&roles))?;
        } else if is_before("pre-upgrade") && !roles.is_empty() {
            writeln!(out, "    # before: [{}]   # once a scenario's upgrade changes their pods", list(&roles))?;
        }
        if is_before("pre-install") || is_before("pre-upgrade") {
            writeln!(out, "    # migrates: postgres   # the server of `backing` whose schema this hook alone changes")?;
        }
    }
    writeln!(out)
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

/// Words that YAML takes for something else than a name, in one of its versions.
const AMBIGUOUS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// A name or a port's number as it stands in YAML: in quotes where it could be taken for something else.
fn quoted(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
        && !AMBIGUOUS.contains(&name.to_lowercase().as_str());
    if is_plain || name.parse::<u16>().is_ok() { name.to_owned() } else { format!("{name:?}") }
}
