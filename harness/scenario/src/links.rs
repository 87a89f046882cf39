//! Symbolic links in a chart: helm follows them, wherever they lead.

use std::path::{Path, PathBuf};

use anyhow::Result;
use chartgate_yaml::Invalid;

/// Refuses a chart with a link that leads out of its repository, or out of the chart where there is none: helm would package a file of
/// this machine, and a report would show it.
///
/// # Errors
/// [`Invalid`] with the link and where it leads.
pub(crate) fn check(chart: &Path) -> Result<()> {
    let root = repository_of(chart).unwrap_or(chart);
    let Some((link, target)) = leading_out(chart, root) else { return Ok(()) };
    let what = format!(
        "the chart's link `{}` leads out of `{}`, to `{}`",
        shown(&link, chart),
        shown(root, root),
        target.display()
    );
    let hint = "put the file into the chart: what helm packages would be whatever is there on each machine";
    Err(Invalid(format!("{what}\nhint: {hint}")).into())
}

/// The repository that a path is in: the nearest directory above with a `.git`.
pub(crate) fn repository_of(path: &Path) -> Option<&Path> {
    path.ancestors().find(|above| above.join(".git").exists())
}

/// The first link below a directory that leads out of the root, and where to.
pub(crate) fn leading_out(directory: &Path, root: &Path) -> Option<(PathBuf, PathBuf)> {
    let mut entries: Vec<PathBuf> = directory.read_dir().ok()?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries.into_iter().find_map(|path| {
        if path.is_symlink() {
            // One that leads nowhere is helm's to refuse.
            let target = path.canonicalize().ok()?;
            return (!target.starts_with(root)).then_some((path, target));
        }
        // Git's own is no part of the chart.
        (path.is_dir() && !path.ends_with(".git")).then(|| leading_out(&path, root)).flatten()
    })
}

fn shown(path: &Path, root: &Path) -> String {
    match path.strip_prefix(root) {
        Ok(inside) if !inside.as_os_str().is_empty() => inside.display().to_string(),
        _ => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a third-party chart brings a file of this machine into a package or a report.
    #[test]
    fn a_link_that_leads_out_is_refused_and_one_that_stays_is_not() {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().canonicalize().unwrap();
        let (repository, chart) = (root.join("own"), root.join("own/charts/app"));
        std::fs::create_dir_all(chart.join("templates")).unwrap();
        std::fs::write(repository.join("shared.yaml"), "a: b\n").unwrap();
        std::fs::write(root.join("secret"), "s3cret\n").unwrap();
        std::os::unix::fs::symlink("../../../shared.yaml", chart.join("templates/shared.yaml")).unwrap();
        std::os::unix::fs::symlink("nowhere", chart.join("templates/nowhere.yaml")).unwrap();
        let outside_of_git = check(&chart).unwrap_err().to_string();
        assert!(outside_of_git.contains("`templates/shared.yaml` leads out of"), "{outside_of_git}");
        std::fs::create_dir(repository.join(".git")).unwrap();
        check(&chart).unwrap();
        std::os::unix::fs::symlink("../../../../secret", chart.join("templates/secret.yaml")).unwrap();
        let refusal = check(&chart).unwrap_err().to_string();
        assert!(refusal.contains("`templates/secret.yaml` leads out of") && refusal.contains("/secret`"), "{refusal}");
    }
}
