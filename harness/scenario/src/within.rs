//! The files that scenario and contract files may name: a third-party scenario must bring no file of this machine to helm, a cluster or
//! a report.

use std::path::{Component, Path, PathBuf};

use chartgate_yaml::{Mistake, Spot};

use crate::chart::holding;
use crate::links::{leading_out, repository_of};

/// The file or directory that is named relative to a file, as an absolute path without links; `None`: it is refused.
pub(super) fn resolve(at: Spot, relative: &Path, what: &str) -> Option<PathBuf> {
    let named = relative.display();
    let found = match at.beside(relative).canonicalize() {
        Ok(found) => found,
        Err(error) => {
            at.refuse(Mistake::new(&format!("cannot find the {what} `{named}`: {error}")));
            return None;
        }
    };
    let root = root_of(&at.beside(Path::new("")));
    let root = root.unwrap_or_default();
    let is_inside = !root.as_os_str().is_empty() && found.starts_with(&root);
    // Of a directory, each file is read.
    let leads_out = if found.is_dir() { leading_out(&found, &root) } else { None };
    let outside = match (is_inside, leads_out) {
        (true, None) => return Some(found),
        (true, Some((link, _))) => format!("`{}` in the {what} `{named}` leads", link.display()),
        (false, _) => format!("the {what} `{named}` is"),
    };
    let mistake = Mistake::new(&format!("{outside} outside of `{}`", root.display()));
    at.refuse(mistake.with_hint("keep it in the repository, or in the chart: a file of your own goes to `--values`"));
    None
}

/// Whether a path below some directory stays there.
pub(super) fn is_below(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// The directory that a scenario's or contract's files are in: its repository, else the chart that carries it, else the working directory
/// or, if it is elsewhere, its own.
fn root_of(directory: &Path) -> Option<PathBuf> {
    let own = directory.canonicalize().ok()?;
    if let Some(repository) = repository_of(&own) {
        return Some(repository.to_owned());
    }
    if let Some(chart) = holding(&own) {
        return Some(chart);
    }
    let here = std::env::current_dir().ok()?.canonicalize().ok()?;
    // `/` would be everything.
    Some(if own.starts_with(&here) && here.parent().is_some() { here } else { own })
}

#[cfg(test)]
mod tests {
    use crate::{Overrides, load};

    /// Why a scenario is refused that names a values file.
    fn refusal(values_file: &str) -> String {
        refusal_of(&format!("values-files: [{values_file}]\nsteps: [{{install: {{}}}}]"))
    }

    /// Why a scenario is refused, in a directory with what it may name and what it may not.
    fn refusal_of(text: &str) -> String {
        let temporary = tempfile::tempdir().unwrap();
        let directory = temporary.path().join("own");
        let chart = directory.join("chart");
        std::fs::create_dir_all(&chart).unwrap();
        std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: app\nversion: 1.0.0\n").unwrap();
        std::fs::write(directory.join("own-values.yaml"), "a: 1\n").unwrap();
        std::fs::write(temporary.path().join("kubeconfig"), "users: []\n").unwrap();
        std::os::unix::fs::symlink("../kubeconfig", directory.join("link.yaml")).unwrap();
        std::fs::create_dir(directory.join("manifests")).unwrap();
        std::os::unix::fs::symlink("../../kubeconfig", directory.join("manifests/link.yaml")).unwrap();
        let file = directory.join("case.yaml");
        let scenario = format!("description: x\nchart: chart\n{text}\n");
        std::fs::write(&file, scenario).unwrap();
        load(&file, &Overrides::default()).err().map(|error| format!("{error:#}")).unwrap_or_default()
    }

    /// A failure would mean that a third-party scenario puts a file of this machine, such as a kubeconfig, into the evidence.
    #[test]
    fn a_values_file_of_the_machine_is_refused() {
        for outside in ["/etc/passwd", "../kubeconfig", "link.yaml"] {
            let refusal = refusal(outside);
            assert!(refusal.contains(&format!("the values file `{outside}` is outside of `")), "{refusal}");
        }
        for manifest in ["../kubeconfig", "manifests"] {
            let step = format!("steps: [{{install: {{}}}}, {{apply: {{manifest: {manifest}}}}}]");
            let refusal = refusal_of(&step);
            assert!(
                refusal.contains(&format!("the manifest `{manifest}`")) && refusal.contains("outside"),
                "{refusal}"
            );
        }
        assert_eq!(refusal("own-values.yaml"), "");
        assert!(refusal("gone.yaml").contains("cannot find the values file `gone.yaml`"));
    }
}
