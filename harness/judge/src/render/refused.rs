//! What helm says when it refuses to render: whether the chart means it so, in which words, and for which values.

use std::collections::BTreeSet;

/// What stands before a schema's complaints.
const OF_SCHEMA: &str = "values don't meet the specifications of the schema";
/// What helm puts before the words of `fail` and `required`.
const OF_TEMPLATE: &str = "execution error at (";
/// Helm's advice to itself.
const DEBUG: &str = "Use --debug flag";

/// Whether the chart refuses the values on purpose: by `fail`, `required` or its schema. All else is a template that breaks.
pub fn is_refusal_on_purpose(error: &str) -> bool {
    error.contains(OF_TEMPLATE) || error.contains(OF_SCHEMA)
}

/// The chart's own sentence, without what helm puts around it.
pub(crate) fn sentence(error: &str) -> String {
    let told = error.split(DEBUG).next().unwrap_or(error).trim();
    let told = told.rsplit_once("Error: ").map_or(told, |(_, told)| told).trim();
    if let Some((_, rest)) = told.split_once(OF_SCHEMA) {
        let complaints: Vec<&str> = rest.lines().filter_map(|line| line.trim().strip_prefix("- ")).collect();
        return complaints.join("; ");
    }
    // `execution error at (chart/templates/x.yaml:1:4): the sentence`
    let own = told.split_once(OF_TEMPLATE).and_then(|(_, rest)| rest.split_once("): "));
    own.map_or(told, |(_, sentence)| sentence).trim().to_owned()
}

/// The values that a refusal names, in its order.
pub(crate) fn values(error: &str) -> Vec<String> {
    let sentence = sentence(error);
    let found: Vec<String> = if error.contains(OF_SCHEMA) {
        sentence.split("; ").flat_map(of_schema).collect()
    } else {
        sentence.split_whitespace().filter_map(path_in).collect()
    };
    let mut known = BTreeSet::new();
    found.into_iter().filter(|path| known.insert(path.clone())).collect()
}

/// That values are missing, which ones, and the chart's own sentence.
pub fn needs_values(error: &str) -> String {
    let named: Vec<String> = values(error).iter().map(|path| format!("`{path}`")).collect();
    let named = if named.is_empty() { String::new() } else { format!("{}: ", named.join(", ")) };
    format!("needs values: {named}{}", sentence(error))
}

/// The values of one complaint: `at '/auth': missing property 'secret'`, or in older helms `auth: secret is required`.
fn of_schema(complaint: &str) -> Vec<String> {
    let Some((place, what)) = complaint.split_once(": ") else { return Vec::new() };
    let pointer = place.strip_prefix("at '").and_then(|rest| rest.strip_suffix('\''));
    let base = pointer
        .map_or_else(|| place.trim_start_matches("(root)").to_owned(), |it| it.trim_matches('/').replace('/', "."));
    let below = |name: &str| if base.is_empty() { name.to_owned() } else { format!("{base}.{name}") };
    if what.starts_with("missing propert") {
        return what.split('\'').skip(1).step_by(2).map(below).collect();
    }
    if let Some(name) = what.strip_suffix(" is required") {
        return vec![below(name)];
    }
    if base.is_empty() { Vec::new() } else { vec![base] }
}

/// The path of a value that a word of a sentence is: `.Values.auth.secret`, `auth.secret`, with what stands around it.
fn path_in(word: &str) -> Option<String> {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let path = word.strip_prefix("Values.").unwrap_or(word);
    let path = path.split(['=', ':']).next().unwrap_or(path);
    let parts: Vec<&str> = path.split('.').collect();
    let is_name = |part: &&str| {
        let begins = part.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
        part.len() > 1 && begins && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    let is_file =
        parts.last().is_some_and(|last| ["yaml", "yml", "tpl", "md", "com", "org", "io", "dev"].contains(last));
    let is_alone = parts.len() == 1 && !word.starts_with("Values.");
    (!is_alone && !is_file && parts.iter().all(|part| is_name(part))).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAIL: &str = "Error: execution error at (app/templates/a.yaml:1:4): set auth.secret (or .Values.auth.existing), e.g. in values.yaml.\n\n\
                        Use --debug flag to render out invalid YAML";
    const SCHEMA: &str = "Error: values don't meet the specifications of the schema(s) in the following chart(s):\napp:\n\
                          - at '/auth': missing properties 'user', 'secret'\n- at '/size': got string, want integer\n";
    const OLD_SCHEMA: &str = "Error: values don't meet the specifications of the schema(s) in the following chart(s):\napp:\n\
                              - (root): host is required\n- auth: secret is required\n";

    /// A failure would mean that a user is sent to look for a broken template where a value is missing.
    #[test]
    fn a_refusal_names_its_values_in_the_charts_own_words() {
        assert_eq!(sentence(FAIL), "set auth.secret (or .Values.auth.existing), e.g. in values.yaml.");
        assert_eq!(values(FAIL), ["auth.secret", "auth.existing"]);
        assert_eq!(values(SCHEMA), ["auth.user", "auth.secret", "size"]);
        assert_eq!(values(OLD_SCHEMA), ["host", "auth.secret"]);
        assert!([FAIL, SCHEMA, OLD_SCHEMA].into_iter().all(is_refusal_on_purpose));
    }

    /// A failure would mean that a template which breaks is taken for one that refuses.
    #[test]
    fn a_template_that_breaks_does_not_refuse() {
        for broken in [
            "Error: template: app/templates/a.yaml:3:20: executing \"app/templates/a.yaml\" at <.Values.a.b>: nil pointer evaluating interface {}.b",
            "Error: YAML parse error on app/templates/a.yaml: error converting YAML to JSON: yaml: line 5: mapping values are not allowed",
        ] {
            assert!(!is_refusal_on_purpose(broken));
            assert!(broken.ends_with(&sentence(broken)));
        }
    }
}
