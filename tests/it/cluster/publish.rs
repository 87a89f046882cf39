//! `chartgate release` and `verify` on real registries, with the verdict of a recording: one without the referrers API, and, nightly, one
//! with it. No cluster is needed.

mod cosign;
mod keys;
mod registries;
mod secured;

use std::path::{Path, PathBuf};

use chartgate::gate;
use chartgate::release::{self, Prepared, Released, Wanted};
use chartgate_process::home;
use chartgate_process::tool::{Output, Tool};
use chartgate_release::{Attestation, Judged, Outcome, Package, Registry, Statement, TestResult, previous, publish};
use chartgate_report::Report;

use crate::support::markdown::Document;
use crate::support::shell::Shell;
use crate::support::strangers::Stranger;
use crate::support::{self, PatchedChart, check_said};
use keys::Keys;
use registries::{Gatekeeper, Kind, Running};

/// A registry, keys, and a chart to be released.
struct Stage {
    registry: Running,
    keys: Keys,
    chart: PatchedChart,
    out: tempfile::TempDir,
}

impl Stage {
    async fn new(kind: Kind) -> Self {
        home::set_exe(env!("CARGO_BIN_EXE_chartgate"));
        let chart = PatchedChart::copy(&support::repository().join("charts/codex-pooler"));
        let out = tempfile::tempdir().expect("a directory can be made");
        Self { registry: Running::start(kind).await, keys: Keys::make().await, chart, out }
    }

    /// The repository of the chart, at the registry or at what stands before it.
    async fn at(&self, address: &str) -> Registry {
        let reference = format!("oci://{address}/charts/codex-pooler");
        Registry::open(&reference, None).await.expect("it is a reference").0
    }

    async fn registry(&self) -> Registry {
        self.at(self.registry.address()).await
    }

    fn reference(&self) -> String {
        format!("oci://{}/charts/codex-pooler:0.2.0", self.registry.address())
    }

    async fn prepare(&self, version: Option<&str>) -> anyhow::Result<Prepared> {
        let wanted = Wanted {
            chart: self.chart.path().to_owned(),
            version: version.map(str::to_owned),
            app_version: None,
            // The copy is below this repository's own tree, which a developer may have changed.
            allow_dirty: true,
            helm: home::version("HELM").expect("versions.env names it").to_owned(),
        };
        release::prepare(&wanted, &self.registry().await).await
    }

    /// Releases the chart as it is, with the verdict of a recording.
    async fn release(&self) -> Released {
        let prepared = self.prepare(None).await.expect("it can be packaged");
        self.finish(&prepared, passing()).await.expect("it can be published")
    }

    async fn finish(&self, prepared: &Prepared, report: Report) -> anyhow::Result<Released> {
        let registry = self.registry().await;
        prepared.finish(report, Some(&self.keys.private), &registry, self.out.path(), false).await
    }

    /// Publishes the chart with an attestation that says what a test makes of it.
    async fn publish(&self, make: impl FnOnce(Statement) -> Statement) {
        let prepared = self.prepare(None).await.expect("it can be packaged");
        let registry = self.registry().await;
        let subjects = prepared.standing.subjects(&registry, &prepared.package);
        let statement = make(Statement::new(subjects, result()));
        let attestation = Attestation::of(&statement, Some(&self.keys.private)).expect("it can be signed");
        publish(&registry, &prepared.package, &prepared.standing, &attestation).await.expect("it can be published");
    }

    async fn verify(&self, more: &[&str]) -> Output {
        let key = self.keys.public.display().to_string();
        let own = ["verify", &self.reference(), "--key", &key].map(str::to_owned);
        chartgate(own.into_iter().chain(more.iter().map(|&word| word.to_owned()))).await
    }

    /// Checks that it is refused, and that it is said why.
    async fn check_refused(&self, more: &[&str], expected: &str) {
        check_said(&self.verify(more).await, 1, &["refused: `oci://", expected]);
    }
}

async fn chartgate(args: impl IntoIterator<Item = String>) -> Output {
    support::chartgate(args).run_unchecked().await.expect("it starts")
}

fn recording() -> PathBuf {
    support::repository().join("tests/recordings/1/codex-pooler-single-replica")
}

/// The report of a run that passed.
fn passing() -> Report {
    Report::new(vec![gate::judge_folder(&recording()).expect("the recording can be read")])
}

/// The same as the predicate of a statement.
fn result() -> TestResult {
    Judged::of(passing()).expect("its recording is there").test_result().expect("it can be attested")
}

/// What is changed in a result.
fn with(change: impl FnOnce(&mut TestResult)) -> impl FnOnce(Statement) -> Statement {
    |mut statement| {
        change(&mut statement.predicate);
        statement
    }
}

/// A failure would mean that nobody can prove that a chart passed, or that anybody can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_released_chart_is_verified_and_each_requirement_is_asked() {
    released_and_verified(Kind::WithoutReferrers).await;
}

/// The same with a registry that lists what refers to a manifest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: the registry is built from its Go module"]
async fn a_released_chart_is_verified_in_a_registry_that_lists_referrers() {
    released_and_verified(Kind::WithReferrers).await;
}

async fn released_and_verified(kind: Kind) {
    let stage = Stage::new(kind).await;
    let Released::Published(published) = stage.release().await else { panic!("it is not published") };
    let asked = ["--require-check", "hook-order", "--require-scenario", "codex-pooler/single-replica"];
    let asked = [&asked[..], &["--kubernetes", "1.34", "--no-waivers", "--max-age", "99999d"]].concat();
    check_said(&stage.verify(&asked).await, 0, &["verified `oci://", "35 checks passed on Kubernetes 1.34.4"]);
    let by_digest = format!("oci://{}/charts/codex-pooler@{}", stage.registry.address(), published.digest);
    let key = stage.keys.public.display().to_string();
    check_said(&chartgate(["verify", &by_digest, "--key", &key].map(str::to_owned)).await, 0, &["verified"]);

    stage.check_refused(&["--require-check", "drain"], "--require-check drain: it passed in no scenario").await;
    stage.check_refused(&["--require-scenario", "x/y"], "--require-scenario x/y: it was not run").await;
    stage.check_refused(&["--max-age", "1h"], "--max-age: it was judged at 2026-").await;
    stage.check_refused(&["--kubernetes", "1.35"], "--kubernetes 1.35: it was judged on 1.34.4").await;
    let other = Keys::make().await;
    let wrong = ["verify", &stage.reference(), "--key", &other.public.display().to_string()].map(str::to_owned);
    check_said(&chartgate(wrong).await, 1, &["this key did not sign it"]);
    let gone = format!("oci://{}/charts/codex-pooler:9.9.9", stage.registry.address());
    check_said(&chartgate(["verify", &gone, "--key", &key].map(str::to_owned)).await, 2, &["has no version `9.9.9`"]);
}

/// A failure would mean that a package which was changed on its way is installed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_package_is_verified_by_the_bundle_beside_it_and_not_with_one_bit_changed() {
    let stage = Stage::new(Kind::WithoutReferrers).await;
    stage.release().await;
    let package = stage.out.path().join("codex-pooler-0.2.0.tgz");
    let bundle = stage.out.path().join("codex-pooler-0.2.0.tgz.sigstore.json").display().to_string();
    let key = stage.keys.public.display().to_string();
    let verify = async |package: &Path| {
        let args = ["verify", &package.display().to_string(), "--key", &key, "--bundle", &bundle].map(str::to_owned);
        chartgate(args).await
    };
    check_said(&verify(&package).await, 0, &["verified"]);
    check_pulled(&stage, &package).await;
    let mut bytes = std::fs::read(&package).expect("it is there");
    bytes[100] ^= 1;
    let changed = stage.out.path().join("changed.tgz");
    std::fs::write(&changed, bytes).expect("it can be written");
    check_said(&verify(&changed).await, 1, &["it is about other bytes than this package"]);
}

/// Checks that helm pulls exactly the package.
async fn check_pulled(stage: &Stage, package: &Path) {
    let folder = stage.out.path().join("pulled");
    std::fs::create_dir(&folder).expect("a directory can be made");
    let name = stage.reference().trim_end_matches(":0.2.0").to_owned();
    let args = ["pull", "--plain-http", &name, "--version", "0.2.0", "--destination"].map(str::to_owned);
    helm().args(args).args([&folder]).run().await.expect("helm pulls it");
    let pulled = std::fs::read(folder.join("codex-pooler-0.2.0.tgz")).expect("helm pulled it");
    assert!(pulled == std::fs::read(package).expect("it is there"), "helm pulled other bytes");
}

fn helm() -> Tool {
    Tool::new("helm", home::version("HELM").and_then(home::helm).expect("the set-up made it"))
}

/// A failure would mean that a verdict counts which is none, or one on another chart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: unit tests of chartgate-release say the same, without a registry"]
async fn an_attestation_that_says_something_else_is_refused() {
    type Make = Box<dyn FnOnce(Statement) -> Statement + Send>;
    let cases: [(Make, &str); 3] = [
        (Box::new(with(|it| it.result = Outcome::Failed)), "the verdict is not a pass"),
        (Box::new(with(|it| it.configuration.clear())), "stubs ran in place of the application"),
        (Box::new(|it| Statement::new(Vec::new(), it.predicate)), "it is about other bytes than this manifest"),
    ];
    for (make, expected) in cases {
        let stage = Stage::new(Kind::WithoutReferrers).await;
        stage.publish(make).await;
        stage.check_refused(&[], expected).await;
    }
}

/// A failure would mean that the proof of one chart serves for another, or a chart without any passes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_charts_attestation_and_none_at_all_are_refused() {
    let stage = Stage::new(Kind::WithoutReferrers).await;
    let other = stage.prepare(Some("0.9.0")).await.expect("it can be packaged");
    let registry = stage.registry().await;
    let of_other = Statement::new(other.standing.subjects(&registry, &other.package), result());
    stage.publish(|_| of_other).await;
    stage.check_refused(&[], "it is about other bytes than this manifest").await;

    let bare = Stage::new(Kind::WithoutReferrers).await;
    push_with_helm(&bare).await;
    bare.check_refused(&[], "there is no attestation of it").await;
    // What helm pushed has the same bytes: it gets its verdict later.
    assert!(bare.prepare(None).await.expect("the same bytes are accepted").standing.is_published());
    bare.release().await;
    check_said(&bare.verify(&[]).await, 0, &["verified"]);
}

/// Pushes the package, as a release did until now.
async fn push_with_helm(stage: &Stage) {
    let prepared = stage.prepare(None).await.expect("it can be packaged");
    let package = stage.out.path().join(prepared.package.file_name());
    std::fs::write(&package, &prepared.package.bytes).expect("it can be written");
    let to = format!("oci://{}/charts", stage.registry.address());
    helm().args(["push", "--plain-http"]).args([&package]).args([to]).run().await.expect("helm pushes it");
}

/// A failure would mean that users get two charts under one version, or that a chart is visible without its proof.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_release_shows_nothing_and_is_completed_by_another() {
    let stage = Stage::new(Kind::WithoutReferrers).await;
    let gatekeeper = Gatekeeper::before(stage.registry.address(), "PUT /v2/charts/codex-pooler/manifests/0.2.0").await;
    let prepared = stage.prepare(None).await.expect("it can be packaged");
    let (through, key) = (stage.at(gatekeeper.address()).await, Some(&stage.keys.private));
    let interrupted = prepared.finish(passing(), key, &through, stage.out.path(), false).await;
    let refusal = format!("{:#}", interrupted.expect_err("the tag cannot be put"));
    assert!(refusal.contains("tag the chart") && gatekeeper.has_refused(), "{refusal}");
    check_said(&stage.verify(&[]).await, 2, &["has no version `0.2.0`"]);

    stage.release().await;
    check_said(&stage.verify(&[]).await, 0, &["verified"]);
    stage.chart.append("values.yaml", "# changed\n");
    let refusal = stage.prepare(None).await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refusal.contains("is published with other bytes") && refusal.contains("raise the version"), "{refusal}");
    let found = previous(&stage.registry().await, "0.3.0").await.expect("the registry answers");
    assert_eq!(found.as_deref(), Some(stage.reference().as_str()));
}

/// A failure would mean that a red chart is published, or one that was only to be tried.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_red_verdict_and_a_rehearsal_publish_nothing() {
    let stage = Stage::new(Kind::WithoutReferrers).await;
    let prepared = stage.prepare(None).await.expect("it can be packaged");
    let mut red = passing();
    red.verdict = chartgate_judge::Verdict::Void;
    assert!(matches!(stage.finish(&prepared, red).await, Ok(Released::Refused)));
    let registry = stage.registry().await;
    let rehearsed = prepared.finish(passing(), None, &registry, stage.out.path(), true).await;
    assert!(matches!(rehearsed, Ok(Released::Rehearsed)), "{rehearsed:?}");
    assert_eq!(previous(&registry, "9.0.0").await.expect("the registry answers"), None);
    assert!(stage.out.path().join("codex-pooler-0.2.0.tgz.intoto.json").exists());
}

/// A failure would mean that what nobody signed counts as proof.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: unit tests of chartgate-release say the same, without a registry"]
async fn an_unsigned_release_is_refused_unless_told() {
    let stage = Stage::new(Kind::WithoutReferrers).await;
    let prepared = stage.prepare(None).await.expect("it can be packaged");
    let released = prepared.finish(passing(), None, &stage.registry().await, stage.out.path(), false).await;
    assert!(matches!(released, Ok(Released::Published(_))), "{released:?}");
    stage.check_refused(&[], "nobody signed it (`--allow-unsigned` accepts that)").await;
    check_said(&stage.verify(&["--allow-unsigned"]).await, 0, &["verified"]);
}

/// A failure would mean that a release which was interrupted cannot be completed a minute later.
#[tokio::test]
async fn the_package_does_not_depend_on_when_it_is_made() {
    let helm = home::tool("helm", home::version("HELM_3").expect("versions.env names it")).expect("the set-up made it");
    let chart = support::repository().join("charts/codex-pooler");
    let make = async || Package::make(&helm, &chart, None, None).await.expect("it can be packaged");
    let first = make().await;
    let copy = PatchedChart::copy(&chart);
    // Helm writes seconds.
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(86_400);
    let values = std::fs::File::options().write(true).open(copy.path().join("values.yaml")).expect("it is there");
    values.set_modified(later).expect("its time can be set");
    let second = Package::make(&helm, copy.path(), None, None).await.expect("it can be packaged");
    assert_eq!(first.digest(), second.digest());
    let third = Package::make(&helm, &chart, Some("0.3.0"), None).await.expect("it can be packaged");
    assert_eq!(third.file_name(), "codex-pooler-0.3.0.tgz");
    assert_ne!(first.digest(), third.digest());
}

/// A failure would mean that the page on releases does not work as it stands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: it runs a chart's whole life twice"]
async fn what_the_page_on_releases_says_works() {
    let page = Document::read(&support::repository().join("docs/src/how-to/release.md"));
    let registry = Running::start(Kind::WithoutReferrers).await;
    let reader = tempfile::tempdir().expect("a directory can be made");
    let shell = Shell::new(reader.path());
    let chart = Stranger::new("bare");
    let begin = format!(
        "cp -r {} shop && sed -i 's/^name: .*/name: shop/' shop/Chart.yaml && git init -q && git add shop && {} commit -qm x",
        chart.path().display(),
        "git -c user.name=x -c user.email=x@example.com"
    );
    let output = shell.run(&begin).await;
    check_said(&output, 0, &[]);
    for line in page.blocks().iter().filter(|block| block.language == "bash").flat_map(|block| block.text.lines()) {
        let expected = line.split_once("# exits with ").map_or(0, |(_, code)| code.parse().expect("a number"));
        let own = "export CHARTGATE_KEY_PASSWORD=secret GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x";
        let command = line.replace("registry.example", registry.address());
        let output = shell.run(&format!("{own}; {command}")).await;
        eprintln!("$ {command}\n{}{}", output.stdout, output.stderr);
        check_said(&output, expected, &[]);
    }
}
