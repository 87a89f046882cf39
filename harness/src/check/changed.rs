//! `--changed`: the charts that differ from a commit, as chart-testing finds them, and what of them differs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chartgate_model::recording::Moment;
use chartgate_process::home::unless_environment;
use chartgate_process::tool::Tool;
use chartgate_yaml::Invalid;

use super::Subject;
use super::ignore::Ignored;

/// What a branch is compared with where the user does not say: the first of these that is there.
const MAIN: [&str; 5] = ["origin/HEAD", "origin/main", "origin/master", "main", "master"];

/// What changed in a chart since a commit; `None`: nothing at all.
///
/// # Errors
/// [`Invalid`] if the chart is not in git, or there is no such commit.
pub async fn changed(subject: &Subject, reference: Option<&str>) -> Result<Option<Moment>> {
    let chart = &subject.first_plan().chart.path;
    let root = git(chart, &["rev-parse", "--show-toplevel"]).await;
    let unknown = |_: &anyhow::Error| invalid(format!("the chart `{}` is not in git", chart.display()));
    let root = PathBuf::from(root.map_err(|error| unless_environment(error, unknown))?.trim());
    let since = match reference {
        Some(reference) => reference.to_owned(),
        None => main_of(&root).await?,
    };
    let base = git(&root, &["merge-base", &since, "HEAD"]).await;
    let base = base.map_err(|_| {
        let hint = "hint: a shallow clone lacks it: `git fetch --unshallow` (`fetch-depth: 0` in GitHub's checkout)";
        invalid(format!("git knows no commit that `{since}` and HEAD share\n{hint}"))
    })?;
    let base = base.trim();
    // What is not committed counts, and so does what git does not know yet.
    let tracked = git(chart, &["diff", "--no-renames", "--name-only", "--relative", base, "--", "."]).await?;
    let new = git(chart, &["ls-files", "--others", "--exclude-standard", "--", "."]).await?;
    let all: Vec<&str> = tracked.lines().chain(new.lines()).collect();
    if all.is_empty() {
        return Ok(None);
    }
    let ignored = Ignored::of(chart);
    let files = all.into_iter().filter(|file| !ignored.has(Path::new(file))).map(str::to_owned).collect();
    Ok(Some(Moment::Changed { since, version: version_at(chart, base).await, files }))
}

async fn main_of(root: &Path) -> Result<String> {
    for name in MAIN {
        if git(root, &["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]).await.is_ok() {
            return Ok(name.to_owned());
        }
    }
    Err(invalid(format!(
        "git knows none of {}\nhint: name a branch, a tag or a commit: `--changed=REF`",
        MAIN.join(", ")
    ))
    .into())
}

/// The chart's version at a commit; `None`: there was no chart.
async fn version_at(chart: &Path, commit: &str) -> Option<String> {
    let text = git(chart, &["show", &format!("{commit}:./Chart.yaml")]).await.ok()?;
    let description = chartgate_yaml::value(&text).ok()?;
    let version = &description["version"];
    Some(version.as_str().map_or_else(|| version.to_string(), str::to_owned))
}

fn invalid(what: String) -> Invalid {
    Invalid(what)
}

async fn git(directory: &Path, args: &[&str]) -> Result<String> {
    // Set where a hook of git's calls us, for another repository than the chart's.
    let git = Tool::on_path("git").without_env("GIT_DIR").without_env("GIT_WORK_TREE").without_env("GIT_INDEX_FILE");
    Ok(git.args(args).folder(directory).run().await.context("ask git")?.stdout)
}
