//! Which templates of a chart ask the cluster for the versions of the API that it serves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The question, in a template.
const QUESTION: &str = "APIVersions";

/// The templates that ask, by themselves or by a named template that they include, as helm names them. What is packed is not read.
pub fn asking(chart: &Path, name: &str) -> BTreeSet<String> {
    let files: Vec<(PathBuf, String)> = templates_below(chart);
    let named: Vec<(&str, &str)> = files.iter().flat_map(|(_, text)| definitions(text)).collect();
    let mut asking: BTreeSet<&str> = BTreeSet::new();
    loop {
        let asks = |body: &str| asks(body, &asking);
        let more: Vec<&str> =
            named.iter().filter(|(name, body)| !asking.contains(name) && asks(body)).map(|(name, _)| *name).collect();
        if more.is_empty() {
            break;
        }
        asking.extend(more);
    }
    let found = files.iter().filter(|(_, text)| asks(text, &asking));
    found.filter_map(|(path, _)| Some(format!("{name}/{}", path.strip_prefix(chart).ok()?.display()))).collect()
}

fn asks(text: &str, asking: &BTreeSet<&str>) -> bool {
    text.contains(QUESTION) || asking.iter().any(|name| text.contains(&format!("\"{name}\"")))
}

/// Each named template of a file, and its text until the next one.
fn definitions(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("define ").skip(1).filter_map(|part| {
        let (name, body) = part.trim_start().strip_prefix('"')?.split_once('"')?;
        Some((name, body))
    })
}

/// The files of the chart's templates, and of those of the charts in it.
fn templates_below(chart: &Path) -> Vec<(PathBuf, String)> {
    let (mut directories, mut files) = (vec![chart.to_owned()], Vec::new());
    while let Some(directory) = directories.pop() {
        for path in directory.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                directories.push(path);
            } else if path.components().any(|part| part.as_os_str() == "templates")
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                files.push((path, text));
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a chart is red for a version that it does not use on any cluster, or that an old version goes unseen.
    #[test]
    fn a_template_asks_by_itself_or_by_a_named_one() {
        let chart = tempfile::tempdir().unwrap();
        let files = [
            (
                "templates/_helpers.tpl",
                "{{- define \"own.api\" }}{{ .Capabilities.APIVersions.Has \"batch/v1\" }}{{ end }}{{ define \"own.name\" }}x{{ end }}{{define \"own.both\"}}{{ include \"own.api\" . }}{{ end }}",
            ),
            ("templates/a.yaml", "apiVersion: {{ include \"own.both\" . }}"),
            ("templates/b.yaml", "apiVersion: batch/v1beta1\nname: {{ include \"own.name\" . }}"),
            ("charts/sub/templates/c.yaml", "{{ if .Capabilities.APIVersions.Has \"policy/v1\" }}"),
        ];
        for (path, text) in files {
            let path = chart.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let asking = asking(chart.path(), "own");
        assert!(
            asking.contains("own/templates/a.yaml") && asking.contains("own/charts/sub/templates/c.yaml"),
            "{asking:?}"
        );
        assert!(!asking.contains("own/templates/b.yaml"), "{asking:?}");
    }
}
