//! What git knows of a chart.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use chartgate_model::plan::Chart;
use chartgate_process::tool::Tool;
use chartgate_scenario::{chart_at, describe_chart};
use semver::Version;

/// A chart's folder in a repository.
pub(super) struct History {
    /// The repository's own folder.
    root: PathBuf,
    /// The chart's folder below it, with a `/` at its end; empty if the chart is all that the repository holds.
    prefix: String,
    is_shallow: bool,
    /// The commits that changed the chart, the newest first.
    commits: Vec<String>,
}

impl History {
    /// The history of a chart; of the one that it replaces, where git does not know it.
    pub(super) async fn of_chart(chart: &Chart) -> Result<Self> {
        let own = Self::of(&chart.path).await;
        match (&chart.replaces, own) {
            (Some(replaced), Err(_)) => Self::of(replaced).await,
            (_, own) => own,
        }
    }

    async fn of(chart: &Path) -> Result<Self> {
        let asked = ["rev-parse", "--show-toplevel", "--show-prefix", "--is-shallow-repository"];
        let name = chart.display();
        let told = git(chart, &asked).await.with_context(|| format!("the chart `{name}` is not in git"))?;
        let mut lines = told.lines();
        let mut line = || lines.next().unwrap_or_default().to_owned();
        let (root, prefix, is_shallow) = (PathBuf::from(line()), line(), line() == "true");
        let commits = git(chart, &["log", "--format=%H", "--", "."]).await;
        let commits: Vec<String> = commits.unwrap_or_default().lines().map(str::to_owned).collect();
        ensure!(!commits.is_empty(), "the chart `{name}` is in no commit of git");
        Ok(Self { root, prefix, is_shallow, commits })
    }

    /// The newest commit of the newest version that is lower than the chart's. Pre-releases count only where there is nothing else.
    pub(super) async fn previous(&self, chart: &Chart) -> Result<String> {
        let now = version(&chart.version).with_context(|| format!("`{}` is no version", chart.version))?;
        let mut best: Option<(Version, &String)> = None;
        for (commit, description) in self.commits.iter().zip(self.descriptions().await?) {
            let then = description.and_then(|text| chart_at(PathBuf::new(), &text).ok());
            let then = then.filter(|then| then.name == chart.name).and_then(|then| version(&then.version));
            let Some(then) = then.filter(|then| *then < now) else { continue };
            let rank = |version: &Version| (version.pre.is_empty(), version.clone());
            if best.as_ref().is_none_or(|(best, _)| rank(best) < rank(&then)) {
                best = Some((then, commit));
            }
        }
        best.map(|(_, commit)| commit.clone()).ok_or_else(|| {
            let what = format!("git knows no version of `{}` before {}", chart.name, chart.version);
            let hint = if self.is_shallow {
                "the clone is shallow: `git fetch --unshallow` gets the rest (`fetch-depth: 0` in GitHub's checkout)"
            } else {
                "if there is none yet, say `first-release: true` in the contract"
            };
            anyhow!("{what}\nhint: {hint}")
        })
    }

    /// The commit that a name stands for.
    pub(super) async fn commit(&self, reference: &str) -> Result<String> {
        let asked = ["rev-parse", "--verify", "--end-of-options", &format!("{reference}^{{commit}}")];
        let told = git(&self.root, &asked).await.map_err(|_| {
            let hint =
                if self.is_shallow { "\nhint: the clone is shallow: `git fetch --unshallow --tags`" } else { "" };
            anyhow!("git knows no commit, branch or tag `{reference}`{hint}")
        })?;
        Ok(told.trim().to_owned())
    }

    /// Puts the chart as it was at a commit into a folder; with the rest of the repository if it depends on other charts, as those
    /// may lie beside it.
    pub(super) async fn extract(&self, commit: &str, folder: &Path) -> Result<Chart> {
        let file = format!("{commit}:{}Chart.yaml", self.prefix);
        let text = git(&self.root, &["show", &file]).await.with_context(|| format!("there is no chart at {commit}"))?;
        let is_part = !self.prefix.is_empty() && !chart_at(PathBuf::new(), &text)?.has_dependencies;
        let archive = call(&self.root, &["archive", "--format=tar", commit]);
        let archive = archive.args(is_part.then_some(&self.prefix));
        archive.run_into(Tool::on_path("tar").args(["-x", "-C"]).args([folder])).await?;
        describe_chart(&folder.join(&self.prefix))
    }

    /// A tag that looks like a version of the chart: `v1.2.3` or `NAME-1.2.3`.
    pub(super) async fn tag_of(&self, name: &str) -> Option<String> {
        let tags = git(&self.root, &["tag", "--list"]).await.ok()?;
        let is_release = |tag: &&str| {
            let rest = tag.strip_prefix(name).map(|rest| rest.trim_start_matches(['-', '/']));
            version(rest.unwrap_or(tag)).is_some()
        };
        tags.lines().find(is_release).map(str::to_owned)
    }

    /// `Chart.yaml` at each of the commits; `None`: there was none.
    async fn descriptions(&self) -> Result<Vec<Option<String>>> {
        let asked = self.commits.iter().map(|commit| format!("{commit}:{}Chart.yaml", self.prefix));
        let asked = asked.collect::<Vec<_>>().join(
            "
",
        ) + "
";
        let told = call(&self.root, &["cat-file", "--batch"]).stdin(asked).run().await?.stdout;
        let mut rest = told.as_str();
        let mut found = Vec::new();
        // A line `<hash> blob <size>`, the content and an empty line; or `<what was asked> missing`.
        while let Some((header, after)) = rest.split_once('\n') {
            if header.ends_with(" missing") {
                found.push(None);
                rest = after;
                continue;
            }
            let size = header.rsplit(' ').next().and_then(|size| size.parse::<usize>().ok());
            let content = size.and_then(|size| Some((after.get(..size)?, after.get(size + 1..)?)));
            let Some((content, next)) = content else { bail!("cannot read what git says of `Chart.yaml`: {header}") };
            found.push(Some(content.to_owned()));
            rest = next;
        }
        Ok(found)
    }
}

/// A version as charts and tags write it.
fn version(text: &str) -> Option<Version> {
    Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()
}

/// What git prints, or the last line of its complaint.
async fn git(folder: &Path, args: &[&str]) -> Result<String> {
    let output = call(folder, args).run_unchecked().await?;
    if !output.is_success() {
        bail!("{}", output.stderr.trim().lines().last().unwrap_or("git gave no reason"));
    }
    Ok(output.stdout)
}

fn call(folder: &Path, args: &[&str]) -> Tool {
    // Set where we are called by a hook of git's, for another repository than the chart's.
    let git = Tool::on_path("git").without_env("GIT_DIR").without_env("GIT_WORK_TREE").without_env("GIT_INDEX_FILE");
    git.args(args).folder(folder)
}
