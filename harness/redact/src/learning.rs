//! What of a secret is a secret of its own, and which values are secrets by their name.

use serde_json::Value;

use super::looks::{is_ordinary, is_random, passwords_of_urls};

/// A line of a secret that is as long as this, without a blank, is a line of a key; others may be prose.
const SHORTEST_LINE: usize = 16;

/// Names, in lower case and without signs, under which values hold a secret.
const CREDENTIALS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "token",
    "clientsecret",
    "apikey",
    "secretkey",
    "secretkeybase",
    "privatekey",
    "accesskey",
    "connectionstring",
    "dsn",
];

/// Whether a value's name says that it is a secret: `auth.rootPassword`, `API_KEY`. What only names one is none.
pub fn is_credential(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let plain = plain.to_lowercase();
    let names_another = ["existing", "ref", "name"].iter().any(|word| plain.contains(word));
    !names_another && CREDENTIALS.iter().any(|ending| plain.ends_with(ending))
}

/// The texts in values that are secrets by their name. A template is none: it is filled in later.
pub(super) fn credentials(values: &Value) -> Vec<&str> {
    match values {
        Value::Object(map) => {
            let named = map.iter().filter(|(name, _)| is_credential(name)).filter_map(|(_, value)| value.as_str());
            let named = named.filter(|value| !value.contains("{{"));
            named.chain(map.values().flat_map(credentials)).collect()
        }
        Value::Array(items) => items.iter().flat_map(credentials).collect(),
        _ => Vec::new(),
    }
}

/// Ends of names, in lower case and without signs, under which a Secret holds what is no secret.
const NAMES: [&str; 27] = [
    "user",
    "username",
    "login",
    "name",
    "host",
    "hostname",
    "server",
    "address",
    "addr",
    "port",
    "database",
    "db",
    "namespace",
    "bucket",
    "region",
    "zone",
    "endpoint",
    "scheme",
    "protocol",
    "email",
    "domain",
    "realm",
    "tenant",
    "cluster",
    "type",
    "mode",
    "level",
];

/// What charts write where no secret is set.
const UNSET: [&str; 6] = ["not set", "not-set", "unset", "undefined", "disabled", "optional"];

/// Whether a value only says that a secret is to stand there, or that there is none: `<your password>`, `change-me`.
fn is_unset(value: &str) -> bool {
    let value = value.trim().to_lowercase();
    let letters: String = value.chars().filter(char::is_ascii_alphabetic).collect();
    let is_bracketed = value.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).is_some_and(is_ordinary);
    UNSET.contains(&value.as_str()) || is_bracketed || ["changeme", "replaceme"].contains(&letters.as_str())
}

/// Whether an entry of a Secret is a secret: an ordinary word is one under a name such as `password` alone, and a name such as
/// `username` holds none, unless it is long and random.
pub(super) fn is_secret_entry(name: &str, value: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let plain = plain.to_lowercase();
    if is_unset(value) {
        false
    } else if is_credential(name) {
        true
    } else if NAMES.iter().any(|ending| plain.ends_with(ending)) {
        is_random(value)
    } else {
        !is_ordinary(value)
    }
}

/// What in a secret is secret by itself.
pub(super) fn parts(secret: &str) -> Vec<String> {
    let secret = secret.trim_end_matches(['\n', '\r']);
    let mut parts: Vec<String> = passwords_of_urls(secret).map(super::view::without_percents).collect();
    if let Ok(document @ Value::Object(_)) = serde_json::from_str(secret) {
        // A Docker configuration, for example: its own `auth` is the password once more, which is found encoded, too.
        parts.extend(credentials(&document).into_iter().map(str::to_owned));
    }
    let lines: Vec<&str> = secret.lines().map(str::trim).collect();
    if lines.len() > 1 {
        parts.extend(lines.iter().filter_map(|line| credential_of_line(line)));
        // Lines of a key; a setting such as `server.address=0.0.0.0:8080` is as long.
        let is_of_key =
            |line: &&&str| line.len() >= SHORTEST_LINE && !line.contains(char::is_whitespace) && !is_ordinary(line);
        parts.extend(lines.iter().filter(is_of_key).map(|line| (*line).to_owned()));
    }
    parts
}

/// The value of `NAME=value` or `name: value`, where the name says that it is a secret.
fn credential_of_line(line: &str) -> Option<String> {
    let (name, value) = line.split_once(['=', ':'])?;
    let value = value.trim().trim_matches(['"', '\'', ',']);
    is_credential(name).then(|| value.to_owned())
}
