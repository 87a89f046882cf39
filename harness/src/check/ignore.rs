//! `.helmignore`: what is no part of a package, as helm reads it.

use std::path::Path;

/// The rules of a chart.
#[derive(Debug, Default)]
pub struct Ignored(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    pattern: String,
    /// It lets in what an earlier rule left out.
    is_negated: bool,
    is_of_directories: bool,
    /// It is about the whole path, not about the last name of it.
    is_of_path: bool,
}

impl Ignored {
    /// The rules of the chart in a directory.
    pub fn of(chart: &Path) -> Self {
        Self::parse(&std::fs::read_to_string(chart.join(".helmignore")).unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(lines.map(Rule::parse).collect())
    }

    /// Whether a file, by its path in the chart, is left out: by itself, or with a directory above it.
    pub fn has(&self, file: &Path) -> bool {
        // A directory that is left out is not looked into.
        let mut above: Vec<&Path> = file.ancestors().skip(1).filter(|path| !path.as_os_str().is_empty()).collect();
        above.reverse();
        above.into_iter().any(|directory| self.leaves_out(directory, true)) || self.leaves_out(file, false)
    }

    fn leaves_out(&self, path: &Path, is_directory: bool) -> bool {
        let mut is_out = false;
        for rule in self.0.iter().filter(|rule| rule.matches(path, is_directory)) {
            is_out = !rule.is_negated;
        }
        is_out
    }
}

impl Rule {
    fn parse(line: &str) -> Self {
        let (is_negated, rest) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
        let (is_of_directories, rest) = rest.strip_suffix('/').map_or((false, rest), |rest| (true, rest));
        let is_of_path = rest.contains('/');
        Self { pattern: rest.trim_start_matches('/').to_owned(), is_negated, is_of_directories, is_of_path }
    }

    fn matches(&self, path: &Path, is_directory: bool) -> bool {
        if self.is_of_directories && !is_directory {
            return false;
        }
        let name = if self.is_of_path { path.as_os_str() } else { path.file_name().unwrap_or_default() };
        is_match(self.pattern.as_bytes(), name.to_string_lossy().as_bytes())
    }
}

/// Whether a name fits a pattern of Go's `filepath.Match`: `*` and `?` stand for anything but `/`, `[…]` for one of several.
fn is_match(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => {
            let end = name.iter().position(|byte| *byte == b'/').unwrap_or(name.len());
            (0..=end).any(|taken| is_match(rest, &name[taken..]))
        }
        Some((b'?', rest)) => name.split_first().is_some_and(|(byte, left)| *byte != b'/' && is_match(rest, left)),
        Some((b'[', rest)) => {
            let Some(end) = rest.iter().position(|byte| *byte == b']') else { return false };
            let (set, rest) = (&rest[..end], &rest[end + 1..]);
            let (is_negated, set) = set.strip_prefix(b"^").map_or((false, set), |set| (true, set));
            name.split_first().is_some_and(|(byte, left)| is_in(*byte, set) != is_negated && is_match(rest, left))
        }
        Some((b'\\', rest)) if !rest.is_empty() => name.first() == rest.first() && is_match(&rest[1..], &name[1..]),
        Some((byte, rest)) => name.first() == Some(byte) && is_match(rest, &name[1..]),
    }
}

fn is_in(byte: u8, set: &[u8]) -> bool {
    let is_range = set.windows(3).any(|range| range[1] == b'-' && (range[0]..=range[2]).contains(&byte));
    is_range || set.contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a change which no user gets asks for a new version, or one that users get does not.
    #[test]
    fn the_rules_are_helms() {
        let ignored = Ignored::parse("# a comment\n*.md\n!README.md\nci/\n/docs\ntemplates/*.bak\n.git*\n[ab].txt\n");
        for out in
            ["NOTES.md", "sub/x.md", "ci/a-values.yaml", "docs/index.html", "templates/x.bak", ".gitignore", "a.txt"]
        {
            assert!(ignored.has(Path::new(out)), "{out} is no part of the package");
        }
        for in_it in ["README.md", "values.yaml", "sub/docs/x", "templates/sub/x.bak", "c.txt", "cia"] {
            assert!(!ignored.has(Path::new(in_it)), "{in_it} is a part of the package");
        }
    }
}
