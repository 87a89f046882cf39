//! `no-secret-in-plain-sight`: a password, token or key that a pod or a ConfigMap shows.
//!
//! A value is claimed when it is one: not a switch, a number, a path, a command, an address, a reference, or the name of an object.

use chartgate_k8s::typed::{Object, OrEmpty};
use chartgate_redact::{REPLACEMENT, is_ordinary, is_reference, passwords_of_urls};
use k8s_openapi::api::core::v1::Container;

use crate::tally::{Tally, not_applicable, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};

pub(crate) const NO_SECRET_IN_PLAIN_SIGHT: Check = Check {
    name: "no-secret-in-plain-sight",
    proves: "no password, token or key stands in a pod's environment, arguments or a ConfigMap",
    means: "everyone who may read pods or ConfigMaps reads the password",
    explanation: include_str!("../explanation/no-secret-in-plain-sight.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Advice,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: no_secret_in_plain_sight,
};

fn no_secret_in_plain_sight(view: &View) -> Finding {
    /// More places of one object are counted.
    const MOST: usize = 4;
    let mut tally = Tally::new(NO_SECRET_IN_PLAIN_SIGHT.name);
    let objects = view.rendered_once();
    let names: Vec<&str> = objects.iter().map(|object| object.name()).collect();
    let mut is_any = false;
    for object in &objects {
        let pod = object.template();
        if pod.is_none() && object.kind() != "ConfigMap" {
            continue;
        }
        is_any = true;
        let mut places: Vec<String> =
            pod.into_iter().flat_map(|pod| pod.containers()).flat_map(|it| of_container(it, &names)).collect();
        if pod.is_none() {
            places.extend(of_config_map(object, &names));
        }
        if places.is_empty() {
            tally.proved(note(format!("{} shows no secret", object.slashed())));
            continue;
        }
        let more =
            if places.len() > MOST { format!(" and {} more places", places.len() - MOST) } else { String::new() };
        let shown = places.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
        let claim = tally.advise(format!("{} shows a secret in {shown}{more}", object.slashed()));
        claim.with(places.into_iter().map(note)).hint("keep it in a Secret, and refer to it with `secretKeyRef`");
    }
    if !is_any {
        return not_applicable(NO_SECRET_IN_PLAIN_SIGHT.name, "the chart renders neither pods nor ConfigMaps");
    }
    tally.finish("no secret stands in a pod's environment, arguments or a ConfigMap")
}

/// Where a container shows a secret.
fn of_container(container: &Container, names: &[&str]) -> Vec<String> {
    let shown = &container.name;
    let variables = container.env.iter().flatten().filter(|variable| {
        let value = variable.value.or_empty();
        gives_away(value) || is_secret(&variable.name, value, names)
    });
    let mut places: Vec<String> =
        variables.map(|variable| format!("variable {} of container `{shown}`", variable.name)).collect();
    let arguments: Vec<&str> = container.command.iter().chain(&container.args).flatten().map(String::as_str).collect();
    for (index, argument) in arguments.iter().enumerate() {
        let option = argument.split_once('=').or_else(|| Some((*argument, *arguments.get(index + 1)?)));
        let is_option = option.is_some_and(|(name, value)| {
            name.starts_with('-') && !name.contains(char::is_whitespace) && is_secret(name, value, names)
        });
        if is_option || gives_away(argument) {
            places.push(format!("an argument of container `{shown}`"));
        }
    }
    places
}

/// Where a ConfigMap shows a secret.
fn of_config_map(object: &Object, names: &[&str]) -> Vec<String> {
    object
        .data()
        .texts()
        .filter_map(|(key, value)| {
            if gives_away(value) || (!is_file(key) && is_secret(key, value, names)) {
                return Some(format!("key `{key}`"));
            }
            let setting = secret_setting(key, value, names)?;
            Some(format!("`{setting}` in key `{key}`"))
        })
        .collect()
}

/// A value that gives a secret away by itself: the recorder knows it, or a URL in it carries a password.
fn gives_away(value: &str) -> bool {
    let written = value.lines().filter(|line| !is_comment(line));
    value.contains(REPLACEMENT) || written.flat_map(passwords_of_urls).any(|password| !is_placeholder(password))
}

/// What documentation writes where a password is to stand.
fn is_placeholder(password: &str) -> bool {
    let plain = password.to_lowercase();
    ["password", "pass", "pwd", "secret", "xxx", "xxxx", "***", "****", "..."].contains(&plain.as_str())
        || plain.contains(REPLACEMENT)
}

fn is_comment(line: &str) -> bool {
    ["#", "//", ";", "--", "/*", "* "].iter().any(|sign| line.trim_start().starts_with(sign))
}

/// How a name says that its value is a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    /// `DB_PASSWORD`: whatever stands there.
    Password,
    /// `API_TOKEN`, `client-secret`: the name of a Secret may stand there as well, so the value has to look made up.
    Token,
}

fn named(name: &str) -> Option<Named> {
    let words = words(name);
    let mut words =
        words.iter().rev().map(String::as_str).skip_while(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
    let (last, before) = (words.next()?.trim_end_matches(|c: char| c.is_ascii_digit()), words.next());
    match last {
        "password" | "passwd" | "passphrase" => Some(Named::Password),
        "token" | "secret" | "apikey" | "credential" | "credentials" | "dsn" => Some(Named::Token),
        "key" if ["api", "private", "secret", "encryption", "access", "signing", "master"].contains(&before?) => {
            Some(Named::Token)
        }
        "base" if before? == "key" => Some(Named::Token),
        _ => None,
    }
}

/// The words of a name, in lower case: `rootPassword`, `ROOT_PASSWORD` and `root.password` have the same.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && was_small) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_ascii_alphanumeric(), words.last_mut()) {
            word.push(c.to_ascii_lowercase());
        }
        was_small = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a value under a name is a secret.
fn is_secret(name: &str, value: &str, names: &[&str]) -> bool {
    /// What is shorter is no secret to anyone.
    const SHORTEST: usize = 3;
    let Some(named) = named(name) else { return false };
    value.len() >= SHORTEST
        && is_literal(value)
        && !names.contains(&value)
        && (named == Named::Password || !is_ordinary(value))
}

/// Whether a value is what it seems: none that is filled in, and none that only says where or how.
fn is_literal(value: &str) -> bool {
    const SWITCHES: [&str; 14] = [
        "true", "false", "yes", "no", "on", "off", "none", "null", "enabled", "disabled", "required", "optional",
        "always", "never",
    ];
    let is_number = value.parse::<f64>().is_ok();
    let is_path = value.starts_with(['/', '.', '~']) || value.contains("://") || value.starts_with("file:");
    let is_structure = value.starts_with(['{', '[']);
    // What another program, put into the pod, reads the secret from.
    let is_elsewhere =
        ["vault:", "arn:aws:", "gcp:secretmanager:", "azurekeyvault@"].iter().any(|it| value.starts_with(it));
    let is_switch = SWITCHES.contains(&value.to_lowercase().as_str());
    // The name of a Secret, or of a key in it: `app-password`.
    let is_name = words(value).len() > 1 && named(value).is_some() && is_ordinary(value);
    let is_ordinary_form =
        is_number || is_path || is_structure || is_elsewhere || is_switch || is_name || is_file(value);
    !is_ordinary_form && !value.contains(char::is_whitespace) && !is_reference(value)
}

/// Files whose lines are settings.
const SETTINGS: [&str; 9] = ["yaml", "yml", "json", "properties", "conf", "cfg", "ini", "toml", "env"];
/// Other files.
const OTHERS: [&str; 22] = [
    "sh", "py", "js", "ts", "rb", "pl", "php", "go", "lua", "sql", "tpl", "tmpl", "md", "txt", "html", "xml", "pem",
    "crt", "key", "jks", "p12", "csv",
];

fn ending(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(_, ending)| ending)
}

/// Whether a name is a file's.
fn is_file(name: &str) -> bool {
    ending(name).is_some_and(|ending| SETTINGS.contains(&ending) || OTHERS.contains(&ending))
}

/// The first setting of a configuration file that holds a secret: its name.
fn secret_setting<'v>(key: &str, file: &'v str, names: &[&str]) -> Option<&'v str> {
    let is_settings = ending(key).is_none_or(|ending| !OTHERS.contains(&ending)) && !file.starts_with("#!");
    let settings = file.lines().filter(|line| is_settings && !is_comment(line)).filter_map(setting);
    let mut secret = settings.filter(|(name, value)| is_secret(name, value, names) && is_made_up(value));
    secret.next().map(|(name, _)| name)
}

/// What a file calls a password may be a field's name, a type or a sentence: only what no one would write otherwise counts.
fn is_made_up(value: &str) -> bool {
    const SHORTEST: usize = 6;
    value.len() >= SHORTEST && !is_ordinary(value)
}

/// Name and value of a line such as `password: x`, `db.password = "x"` or `"password": "x",`.
fn setting(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once([':', '='])?;
    let name = name.trim().trim_start_matches("- ").trim_start_matches("export ").trim_matches(['"', '\'']);
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    let value = value.split(" #").next()?.trim().trim_end_matches(',').trim_matches(['"', '\'']);
    is_name.then_some((name, value))
}

#[cfg(test)]
mod tests;
