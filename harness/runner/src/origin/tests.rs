use std::path::PathBuf;

use chartgate_process::home;

use super::*;
use chartgate_base::random;

/// A repository with a chart in `charts/pooler`.
struct Repository(PathBuf);

impl Repository {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("chartgate-repository-{}", random::text(8)));
        std::fs::create_dir_all(folder.join("charts/pooler/templates")).unwrap();
        Self(folder)
    }

    /// One whose history has 0.1.0 in two commits, then 0.2.0-rc.1, and 0.2.0 that is not yet committed.
    async fn released() -> Self {
        let repository = Self::new();
        repository.git(&["init", "--quiet"]).await;
        for (version, note) in [("0.1.0", "first"), ("0.1.0", "second"), ("0.2.0-rc.1", "third")] {
            repository.commit(version, note).await;
        }
        repository.write("0.2.0", "fourth");
        repository
    }

    async fn git(&self, args: &[&str]) -> String {
        let identity = ["-c", "user.name=someone", "-c", "user.email=someone@example.com"];
        let git = Tool::on_path("git").args(identity).args(args).folder(&self.0);
        git.run().await.unwrap().stdout.trim().to_owned()
    }

    fn write(&self, version: &str, note: &str) {
        let chart = self.chart_folder();
        std::fs::write(chart.join("Chart.yaml"), format!("apiVersion: v2\nname: pooler\nversion: {version}\n"))
            .unwrap();
        std::fs::write(chart.join("templates/note.txt"), note).unwrap();
    }

    async fn commit(&self, version: &str, note: &str) {
        self.write(version, note);
        self.git(&["add", "."]).await;
        self.git(&["commit", "--quiet", "--message", note]).await;
    }

    fn chart_folder(&self) -> PathBuf {
        self.0.join("charts/pooler")
    }

    fn plan(&self, place: Place) -> Plan {
        let from = vec![Origin { asked: "as asked".to_owned(), place, ..Origin::default() }];
        let steps = [chartgate_model::plan::Action::Install, chartgate_model::plan::Action::Upgrade]
            .map(chartgate_model::plan::Step::new)
            .to_vec();
        Plan { chart: describe_chart(&self.chart_folder()).unwrap(), steps, ..Plan::default() }.through(from)
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn helm() -> PathBuf {
    home::tool("helm", home::version("HELM_3").unwrap()).unwrap()
}

/// Resolves a plan, which has one version to upgrade from.
async fn resolved(plan: Plan) -> (Plan, Origins) {
    let mut plans = [plan];
    let origins = resolve(&mut plans, &helm(), None).await.unwrap();
    let [plan] = plans;
    (plan, origins)
}

#[track_caller]
fn check_missing(plan: &Plan, expected: &str) {
    let why = plan.from[0].missing.as_deref().expect("it cannot be had");
    assert!(why.contains(expected), "`{expected}` is not in: {why}");
    assert!(plan.from[0].chart.is_none());
}

/// What a chart that was found has in its one template.
fn note(plan: &Plan) -> String {
    let chart = plan.from[0].chart.as_ref().unwrap_or_else(|| panic!("nothing was found: {:?}", plan.from[0].missing));
    std::fs::read_to_string(chart.path.join("templates/note.txt")).unwrap()
}

/// A failure would mean that the upgrade which every user will do is tried from another chart than the one they run.
#[tokio::test]
async fn the_previous_version_is_the_newest_lower_one_in_its_last_state() {
    let repository = Repository::released().await;
    let (plan, _kept) = resolved(repository.plan(Place::Previous)).await;
    assert_eq!(note(&plan), "second");
    let commit = repository.git(&["rev-parse", "HEAD~1"]).await;
    assert_eq!(plan.from[0].title(), format!("0.1.0 (as asked: git {})", &commit[..8]));
}

/// A failure would mean that what was fetched fills the disk, run by run.
#[tokio::test]
async fn what_was_fetched_goes_with_the_run() {
    let repository = Repository::released().await;
    let (plan, origins) = resolved(repository.plan(Place::Previous)).await;
    let path = plan.from[0].chart.as_ref().unwrap().path.clone();
    assert!(path.exists());
    drop(origins);
    assert!(!path.exists());
}

/// A failure would mean that a chart given by `--chart` has no previous version, although the one that it replaces has.
#[tokio::test]
async fn a_chart_that_git_does_not_know_has_the_history_of_the_one_it_replaces() {
    let (repository, elsewhere) = (Repository::released().await, Repository::new());
    elsewhere.write("0.3.0", "patched");
    let mut plan = elsewhere.plan(Place::Previous);
    plan.chart.replaces = Some(repository.chart_folder());
    let (plan, _kept) = resolved(plan).await;
    assert_eq!(note(&plan), "second");
}

/// A failure would mean that a named commit is not what is installed.
#[tokio::test]
async fn a_commit_has_the_chart_of_its_time() {
    let repository = Repository::released().await;
    let (plan, _kept) = resolved(repository.plan(Place::Git("HEAD~2".to_owned()))).await;
    assert_eq!(note(&plan), "first");
    let (plan, _kept) = resolved(repository.plan(Place::Git("v9".to_owned()))).await;
    check_missing(&plan, "git knows no commit, branch or tag `v9`");
}

/// A failure would mean that nobody is told why CI finds no previous version.
#[tokio::test]
async fn a_shallow_clone_says_how_to_deepen_it() {
    let (repository, clone) = (Repository::released().await, Repository::new());
    std::fs::remove_dir_all(&clone.0).unwrap();
    let (from, to) = (format!("file://{}", repository.0.display()), clone.0.display().to_string());
    repository.git(&["clone", "--quiet", "--depth", "1", &from, &to]).await;
    clone.write("0.2.0-rc.1", "as it was");
    let (plan, _kept) = resolved(clone.plan(Place::Previous)).await;
    check_missing(&plan, "git fetch --unshallow");
}

/// A failure would mean that a scenario which cannot be carried out passes, or that nobody is told what it lacks.
#[tokio::test]
async fn a_chart_without_history_says_so() {
    let repository = Repository::new();
    repository.write("0.1.0", "first");
    let (plan, _kept) = resolved(repository.plan(Place::Previous)).await;
    check_missing(&plan, "is not in git");
    repository.git(&["init", "--quiet"]).await;
    let (plan, _kept) = resolved(repository.plan(Place::Previous)).await;
    check_missing(&plan, "is in no commit of git");
    repository.commit("0.1.0", "first").await;
    let (plan, _kept) = resolved(repository.plan(Place::Previous)).await;
    check_missing(&plan, "git knows no version of `pooler` before 0.1.0");
    assert!(plan.chart_of(&plan.steps[0]).is_none(), "it must not run");
}

/// A failure would mean that a chart's first release cannot pass, or that its scenarios never begin to upgrade from a release.
#[tokio::test]
async fn a_first_release_begins_with_itself_until_it_is_tagged() {
    let repository = Repository::new();
    repository.git(&["init", "--quiet"]).await;
    repository.commit("0.1.0", "first").await;
    let first = || Plan { is_first_release: true, ..repository.plan(Place::Previous) };
    let (plan, _kept) = resolved(first()).await;
    assert!(plan.is_first_release && plan.steps.iter().all(|step| step.from.is_none()), "{plan:?}");
    for (tag, is_release) in [("nightly", false), ("other-0.1.0", false), ("pooler-0.1.0", true)] {
        repository.git(&["tag", tag]).await;
        let (plan, _kept) = resolved(first()).await;
        assert_eq!(plan.is_first_release, !is_release, "{tag}");
        if is_release {
            check_missing(&plan, "`first-release` ended with the tag `pooler-0.1.0`");
        }
    }
}

/// A failure would mean that a packaged chart cannot be upgraded from, as users have it.
#[tokio::test]
async fn a_folder_and_an_archive_are_versions() {
    let repository = Repository::released().await;
    let target = repository.0.display().to_string();
    let package = Tool::new("helm", helm()).args(["package", "charts/pooler", "--destination", &target]);
    package.folder(&repository.0).run().await.unwrap();
    for path in [repository.0.join("pooler-0.2.0.tgz"), repository.chart_folder()] {
        let (plan, _kept) = resolved(repository.plan(Place::Path(path.clone()))).await;
        let chart = plan.from[0].chart.as_ref().unwrap();
        assert_eq!((chart.version.as_str(), &chart.path), ("0.2.0", &path.canonicalize().unwrap()));
    }
    let (plan, _kept) = resolved(repository.plan(Place::Path(repository.0.join("gone.tgz")))).await;
    check_missing(&plan, "there is no");
}

/// A failure would mean that charts beside the old version, on which it depends, are those of today.
#[tokio::test]
async fn an_old_version_is_built_with_the_charts_of_its_time() {
    let repository = Repository::released().await;
    let library = repository.0.join("charts/library");
    std::fs::create_dir_all(&library).unwrap();
    let describe = |version: &str| {
        std::fs::write(library.join("Chart.yaml"), format!("apiVersion: v2\nname: library\nversion: {version}\n"))
            .unwrap();
        let needs = format!("dependencies: [{{name: library, version: {version}, repository: file://../library}}]");
        let chart = format!("apiVersion: v2\nname: pooler\nversion: {version}\n{needs}\n");
        std::fs::write(repository.chart_folder().join("Chart.yaml"), chart).unwrap();
    };
    describe("0.3.0");
    repository.git(&["add", "."]).await;
    repository.git(&["commit", "--quiet", "--message", "depends"]).await;
    describe("0.4.0");
    let (plan, _kept) = resolved(repository.plan(Place::Previous)).await;
    let chart = plan.from[0].chart.as_ref().unwrap_or_else(|| panic!("{:?}", plan.from[0].missing));
    assert!(chart.path.join("charts/library-0.3.0.tgz").exists());
}

/// A failure would mean that a registry's port is taken for a version.
#[test]
fn a_reference_ends_with_its_version() {
    assert_eq!(split_version("oci://localhost:5000/charts/a:1.2.3"), ("oci://localhost:5000/charts/a", Some("1.2.3")));
    assert_eq!(split_version("oci://localhost:5000/charts/a"), ("oci://localhost:5000/charts/a", None));
    assert_eq!(split_version("oci://example.com/a@sha256:00").1, None);
    assert_eq!(host("oci://localhost:5000/charts/a"), "localhost");
}
