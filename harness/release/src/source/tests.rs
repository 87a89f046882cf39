use std::path::PathBuf;

use rstest::rstest;
use tempfile::TempDir;

use super::*;

/// A repository with a chart in `charts/app`.
struct Repository(TempDir);

impl Repository {
    async fn committed() -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(repository.chart()).unwrap();
        std::fs::write(repository.chart().join("Chart.yaml"), "name: app\nversion: 1.0.0\n").unwrap();
        repository.git(&["init", "--quiet"]).await;
        repository.commit().await;
        repository
    }

    fn chart(&self) -> PathBuf {
        self.0.path().join("charts/app")
    }

    async fn commit(&self) {
        self.git(&["add", "."]).await;
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "x"]).await;
    }

    async fn git(&self, args: &[&str]) {
        let identity = ["-c", "user.name=someone", "-c", "user.email=someone@example.com"];
        Tool::on_path("git").args(identity).args(args).folder(self.0.path()).run().await.unwrap();
    }

    async fn refusal(&self, allow_dirty: bool) -> String {
        match check(&self.chart(), "app", "1.0.0", allow_dirty).await {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        }
    }
}

/// A failure would mean that a version is published that is in no commit.
#[tokio::test]
async fn a_changed_tree_is_refused_unless_told() {
    let repository = Repository::committed().await;
    assert_eq!(repository.refusal(false).await, "");
    std::fs::write(repository.0.path().join("chartgate-out"), "a report beside the chart is no part of it").unwrap();
    assert_eq!(repository.refusal(false).await, "");
    for file in ["new.yaml", "Chart.yaml"] {
        std::fs::write(repository.chart().join(file), "name: app\n").unwrap();
        let refusal = repository.refusal(false).await;
        assert!(refusal.contains(file) && refusal.contains("--allow-dirty"), "{refusal}");
        assert_eq!(repository.refusal(true).await, "");
        repository.commit().await;
    }
}

/// A failure would mean that the tag of a version, which its users look at, is not what they get.
#[tokio::test]
async fn a_version_that_is_not_the_tag_is_refused() {
    let repository = Repository::committed().await;
    repository.git(&["tag", "other-3.0.0"]).await;
    assert_eq!(repository.refusal(false).await, "", "another chart's tag");
    repository.git(&["tag", "app-0.9.0"]).await;
    assert!(repository.refusal(false).await.contains("the commit is tagged `app-0.9.0`"));
    repository.git(&["tag", "v1.0.0"]).await;
    assert_eq!(repository.refusal(false).await, "");
    repository.commit().await;
    assert!(repository.refusal(false).await.contains("the tag `v1.0.0` names another commit"));
}

/// A failure would mean that a chart outside of git cannot be released.
#[tokio::test]
async fn without_git_there_is_nothing_to_compare() {
    let directory = tempfile::tempdir().unwrap();
    check(directory.path(), "app", "1.0.0", false).await.unwrap();
}

#[rstest]
#[case("v1.2.3", Some("1.2.3"))]
#[case("1.2.3-rc.1", Some("1.2.3-rc.1"))]
#[case("app-1.2.3", Some("1.2.3"))]
#[case("app/v1.2.3", Some("1.2.3"))]
#[case("application-1.2.3", None)]
#[case("nightly", None)]
fn a_tag_is_a_version_in_each_usual_form(#[case] tag: &str, #[case] version: Option<&str>) {
    assert_eq!(version_of(tag, "app"), version);
}
