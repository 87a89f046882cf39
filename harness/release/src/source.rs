//! Whether what is packaged is what git has: a release that nobody can make again is none.

use std::path::Path;

use anyhow::Result;
use chartgate_process::tool::Tool;
use chartgate_yaml::Invalid;

/// Checks that the chart is a commit's, and that this version's tag, if there is one, names that commit. What is not in git passes.
///
/// # Errors
/// [`Invalid`] if it is not.
pub async fn check(chart: &Path, name: &str, version: &str, allow_dirty: bool) -> Result<()> {
    let Some(head) = git(chart, &["rev-parse", "--verify", "--quiet", "HEAD"]).await? else { return Ok(()) };
    // Of what is not tracked, only what helm would package counts.
    let tracked = git(chart, &["status", "--porcelain", "--untracked-files=no"]).await?.unwrap_or_default();
    let untracked = git(chart, &["status", "--porcelain", "--untracked-files=normal", "--", "."]).await?;
    let changed: Vec<String> =
        tracked.lines().chain(untracked.unwrap_or_default().lines()).map(str::to_owned).collect();
    if let (Some(first), false) = (changed.first(), allow_dirty) {
        let what = format!("the working tree has changes that are in no commit, such as `{}`", first.trim());
        return Err(Invalid(format!("{what}\nhint: commit them, or release all the same with `--allow-dirty`")).into());
    }
    let here = tags(chart, &["tag", "--points-at", "HEAD"], name).await?;
    if here.iter().any(|tag| version_of(tag, name) == Some(version)) {
        return Ok(());
    }
    if let Some(tag) = here.first() {
        let hint = format!("hint: raise the version to the tag's, or tag the commit `{name}-{version}`");
        return Err(
            Invalid(format!("the commit is tagged `{tag}`, and the chart's version is {version}\n{hint}")).into()
        );
    }
    let all = tags(chart, &["tag", "--list"], name).await?;
    if let Some(tag) = all.iter().find(|tag| version_of(tag, name) == Some(version)) {
        let what = format!("the tag `{tag}` names another commit than this one ({})", head.get(..8).unwrap_or(&head));
        return Err(Invalid(format!("{what}\nhint: check out the tag, or raise the version")).into());
    }
    Ok(())
}

/// The tags that look like a version of the chart.
async fn tags(chart: &Path, args: &[&str], name: &str) -> Result<Vec<String>> {
    let all = git(chart, args).await?.unwrap_or_default();
    Ok(all.lines().filter(|tag| version_of(tag, name).is_some()).map(str::to_owned).collect())
}

/// `1.2.3` of `v1.2.3`, `1.2.3`, `NAME-1.2.3`, `NAME-v1.2.3` and `NAME/v1.2.3`.
fn version_of<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let own = tag.strip_prefix(name).and_then(|rest| rest.strip_prefix(['-', '/', '@'])).unwrap_or(tag);
    let version = own.strip_prefix('v').unwrap_or(own);
    semver::Version::parse(version).is_ok().then_some(version)
}

/// What git says; `None`: it refuses, as it does where there is no repository.
async fn git(folder: &Path, args: &[&str]) -> Result<Option<String>> {
    let git = Tool::on_path("git").without_env("GIT_DIR").without_env("GIT_WORK_TREE").without_env("GIT_INDEX_FILE");
    let output = git.args(args).folder(folder).run_unchecked().await?;
    Ok(output.is_success().then(|| output.stdout.trim_end().to_owned()))
}

#[cfg(test)]
mod tests;
