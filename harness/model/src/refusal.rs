//! Why helm refuses something, read from what it prints: who refuses, in which template, and the sentence that says it.
//!
//! Helm has no machine-readable errors, so this is the one place that knows its phrases.

/// What refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// The chart, on purpose: `required`, `fail`, or its schema. The values are at fault.
    Values,
    /// A template that does not render, or renders no YAML.
    Template,
    /// Something that helm had to fetch, such as a schema elsewhere.
    Fetch,
    /// The API server, which refused an object.
    Server,
    /// Helm waited until its time was over.
    Timeout,
    /// A hook failed.
    Hook,
    /// Anything else.
    Other,
}

/// A refusal of helm's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What refuses.
    pub ground: Ground,
    /// Why, without what helm says around it; one line.
    pub sentence: String,
    /// The template that it is about, as helm names it: `CHART/templates/FILE`.
    pub template: Option<String>,
    /// Its line, from 1.
    pub line: Option<usize>,
}

impl Refusal {
    /// Reads what helm printed on its standard error.
    pub fn of(printed: &str) -> Self {
        let said = message(printed);
        by_chart(&said).or_else(|| by_schema(&said)).or_else(|| by_template(&said)).unwrap_or_else(|| Self {
            ground: ground_of(&said),
            sentence: flat(cause(&said)),
            template: None,
            line: None,
        })
    }

    /// Where the template refuses: `CHART/templates/FILE:LINE`; `None`: helm names none.
    pub fn place(&self) -> Option<String> {
        let template = self.template.as_ref()?;
        Some(self.line.map_or_else(|| template.clone(), |line| format!("{template}:{line}")))
    }

    /// The kinds that the cluster does not know, each with its group and version.
    pub fn unknown_kinds(&self) -> Vec<(&str, &str)> {
        let told = self.sentence.split("no matches for kind \"").skip(1);
        let read = |rest| {
            let (kind, rest): (&str, &str) = str::split_once(rest, "\" in version \"")?;
            Some((kind, rest.split_once('"')?.0))
        };
        told.filter_map(read).collect()
    }

    /// The values that the refusal is about: those of a schema's complaints, or those on the template's line, else in its sentence.
    pub fn values(&self, line: &str) -> Vec<String> {
        let named: Vec<String> = match (&self.template, of_line(line)) {
            (None, _) => self.sentence.split("; ").flat_map(of_schema).collect(),
            (_, of_line) if of_line.is_empty() => self.sentence.split_whitespace().filter_map(path_in).collect(),
            (_, of_line) => of_line,
        };
        let is_first = |(index, name): &(usize, &String)| !named[..*index].contains(name);
        named.iter().enumerate().filter(is_first).map(|(_, name)| name.clone()).collect()
    }
}

/// What helm says of its failure: without its log lines, its advice about itself, and `Error: UPGRADE FAILED: `.
pub fn message(printed: &str) -> String {
    let is_log = |line: &str| {
        line.starts_with("level=") || line.starts_with("WARNING: ") || line.starts_with("walk.go:") || is_go_log(line)
    };
    let is_advice = |line: &str| line.starts_with("Use --debug flag") || line.starts_with("helm.go:");
    let lines = printed.lines().filter(|line| !is_log(line) && !is_advice(line));
    let said = lines.collect::<Vec<_>>().join("\n");
    let said = said.trim();
    // A program that says nothing but log lines says what is in them.
    let said = if said.is_empty() { printed.trim() } else { said };
    let around = ["Error: ", "INSTALLATION FAILED: ", "UPGRADE FAILED: "];
    around.iter().fold(said, |said, words| said.strip_prefix(words).unwrap_or(said)).to_owned()
}

/// Lines of Go's loggers: `W0102 15:04:05.000000 1 warnings.go:70] …`, `2026/01/02 15:04:05 …`.
fn is_go_log(line: &str) -> bool {
    let mut start = line.chars();
    let is_klog =
        matches!(start.next(), Some('I' | 'W')) && start.by_ref().take(4).filter(char::is_ascii_digit).count() == 4;
    let is_plain = line.len() > 19 && line.is_char_boundary(19) && {
        let shape: String = line[..19].chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        shape == "0000/00/00 00:00:00"
    };
    is_klog || is_plain
}

/// `execution error at (CHART/templates/FILE:LINE:COLUMN): SENTENCE`: what `required` and `fail` give.
fn by_chart(said: &str) -> Option<Refusal> {
    let (_, rest) = said.rsplit_once("execution error at (")?;
    let (place, sentence) = rest.split_once("): ")?;
    let (template, line) = split_place(place);
    Some(Refusal { ground: Ground::Values, sentence: flat(sentence), template: Some(template), line })
}

fn by_schema(said: &str) -> Option<Refusal> {
    let (_, rest) = said.split_once("values don't meet the specifications of the schema(s)")?;
    let errors = rest.split_once('\n').map_or("", |(_, errors)| errors);
    let complaints: Vec<&str> = errors.lines().filter_map(|line| line.trim().strip_prefix("- ")).collect();
    let cannot_load = ["failing loading ", "HTTP request failed", "Could not read schema from"];
    // What Go's reader says of a schema that is no JSON.
    let is_no_json = ["unexpected EOF", "invalid character ", "unexpected end of JSON input"];
    let is_unread = complaints.is_empty() && is_no_json.iter().any(|phrase| errors.contains(phrase));
    let ground = match errors {
        errors if cannot_load.iter().any(|phrase| errors.contains(phrase)) => Ground::Fetch,
        _ if is_unread => Ground::Template,
        _ => Ground::Values,
    };
    let sentence = match complaints.as_slice() {
        [] if is_unread => format!("`values.schema.json` is no JSON: {}", flat(errors)),
        [] => flat(errors),
        all => all.join("; "),
    };
    Some(Refusal { ground, sentence, template: None, line: None })
}

/// `template: CHART/templates/FILE:LINE:COLUMN: executing "…" at <…>: SENTENCE`, the innermost where templates include others; or
/// what a template makes is no YAML.
fn by_template(said: &str) -> Option<Refusal> {
    let of = |place: &str, sentence: &str| {
        let (template, line) = split_place(place);
        Some(Refusal { ground: Ground::Template, sentence: flat(sentence), template: Some(template), line })
    };
    if let Some((_, rest)) = said.split_once("YAML parse error on ") {
        let (template, sentence) = rest.split_once(": ")?;
        return of(template, sentence);
    }
    if let Some((_, rest)) = said.split_once("parse error at (") {
        let (place, sentence) = rest.split_once("): ")?;
        return of(place, sentence);
    }
    if let Some((place, sentence)) = innermost_of_lines(said) {
        return of(place, &sentence);
    }
    let (_, rest) = said.rsplit_once("template: ")?;
    let (place, sentence) = rest.split_once(": ")?;
    let executed = sentence.strip_prefix("executing ").and_then(|rest| Some(rest.split_once(" at ")?.1));
    of(place, &executed.map_or_else(|| sentence.to_owned(), |rest| format!("at {rest}")))
}

/// The same as Helm 4 prints it: a line with the place, and below it, indented, `executing "…" at <…>:` and the sentence.
fn innermost_of_lines(said: &str) -> Option<(&str, String)> {
    let lines: Vec<&str> = said.lines().collect();
    let at = lines.windows(2).rposition(|pair| pair[1].starts_with("  executing "))?;
    let (_, executed) = lines[at + 1].split_once(" at ")?;
    let below = lines[at + 2..].iter().take_while(|line| line.starts_with(' '));
    let sentence = std::iter::once(executed).chain(below.copied()).collect::<Vec<_>>().join("\n");
    Some((lines[at].trim(), format!("at {sentence}")))
}

/// `FILE:LINE:COLUMN`, `FILE:LINE` or `FILE`.
fn split_place(place: &str) -> (String, Option<usize>) {
    let mut parts = place.split(':');
    let file = parts.next().unwrap_or_default().to_owned();
    (file, parts.next().and_then(|line| line.parse().ok()))
}

fn ground_of(said: &str) -> Ground {
    let has = |phrases: &[&str]| phrases.iter().any(|phrase| said.contains(phrase));
    // In this order: a hook that the API server refuses, or that takes too long, is said to have failed, too.
    if has(&[
        " is invalid: ",
        "is forbidden: ",
        "denied the request",
        "Error from server",
        "failed calling webhook",
        "cannot patch ",
        "no matches for kind",
        "unknown field ",
        "failed to create resource",
        "invalid ownership metadata",
        "already exists",
        "the server could not find the requested resource",
    ]) {
        Ground::Server
    } else if has(&["hooks failed", "failed pre-", "failed post-"]) {
        Ground::Hook
    } else if has(&["timed out waiting", "context deadline exceeded", "resource not ready", "client rate limiter Wait"])
    {
        Ground::Timeout
    } else {
        Ground::Other
    }
}

/// From the last object on that the API server calls invalid: what helm says before names the steps that led there.
fn cause(said: &str) -> &str {
    let Some(at) = said.rfind(" is invalid: ") else { return said };
    // `Kind.group "name" is invalid: …`
    let before = &said[..at];
    let name = before.rfind(" \"").unwrap_or(at);
    let start = before[..name].rfind([' ', '\n', '\t']).map_or(0, |space| space + 1);
    &said[start..]
}

/// A text in one line.
fn flat(text: &str) -> String {
    let mut words = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let line = line.strip_prefix("- ").or(line.strip_prefix("* ")).unwrap_or(line);
        let joint = match words.chars().last() {
            None => "",
            Some(':' | ';' | ',' | '.') => " ",
            Some(_) => "; ",
        };
        words.push_str(joint);
        words.push_str(line);
    }
    words
}

/// The values that a template's line reads.
fn of_line(line: &str) -> Vec<String> {
    let paths = line.split(".Values.").skip(1);
    let path =
        |rest: &str| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect::<String>();
    paths.map(|rest| path(rest).trim_matches('.').to_owned()).filter(|path| !path.is_empty()).collect()
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
    (!is_alone && !is_file && parts.iter().all(is_name)).then(|| path.to_owned())
}

#[cfg(test)]
mod tests;
