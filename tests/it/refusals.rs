//! Bad input: one clear message, the right exit code, and nothing started for it. No test here needs a cluster.

use std::path::PathBuf;

use chartgate_process::tool::Output;

use crate::support;
use crate::support::{PatchedChart, check_said};

const CONTRACT: &str = "chart: ../../../charts/codex-pooler\n";

/// A scenario of its own in a folder of its own.
struct Scenario(PathBuf);

impl Scenario {
    fn new(text: &str) -> Self {
        let folder = support::repository().join("target/refusals").join(chartgate_base::random::text(8));
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        std::fs::write(folder.join("contract.yaml"), CONTRACT).expect("it can be written");
        std::fs::write(folder.join("case.yaml"), text).expect("it can be written");
        Self(folder)
    }

    async fn run(&self, more: &[&str]) -> Output {
        let out = self.0.join("out");
        let args = ["run".into(), self.0.join("case.yaml").into_os_string(), "--out".into(), out.into_os_string()];
        let args = args.into_iter().chain(more.iter().map(Into::into));
        chartgate(args.collect()).await
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

async fn chartgate(args: Vec<std::ffi::OsString>) -> Output {
    support::chartgate(args).run_unchecked().await.expect("the command starts")
}

/// A failure would mean that a mistake in a file is found on the cluster, or never.
#[tokio::test]
async fn a_mistake_in_a_scenario_is_shown_where_it_stands() {
    let cases = [
        ("description: x\nsteps: [{install: {}}]\nvlaues: {}\n", "case.yaml:3:1\n"),
        ("description: x\nsteps: [{install: {}}]\nvlaues: {}\n", "= hint: did you mean `values`?"),
        ("description: x\nsteps: 3\n", "error: expected a list, found integer `3`"),
        ("description: x\nvalues: {a: yes}\nsteps: []\n", "error: `yes` is a text here and a boolean to helm"),
        ("description: [\n", "error: this is no YAML: "),
        ("description: x\nsteps: [{upgrade: {images: {app: v2}}}]\n", "error: unknown image `app`"),
    ];
    for (text, expected) in cases {
        check_said(&Scenario::new(text).run(&[]).await, 2, &[expected]);
    }
    let long = format!("description: x\nrelease: {}\nsteps: [{{install: {{}}}}]\n", "r".repeat(54));
    check_said(&Scenario::new(&long).run(&[]).await, 2, &["case.yaml:2:10", "54 characters", "hint: helm allows 53"]);
}

/// A failure would mean that a mis-typed path tests nothing and is green.
#[tokio::test]
async fn a_path_or_chart_that_is_not_there_is_named() {
    let plain = "description: x\nsteps: [{install: {}}]\n";
    check_said(&chartgate(vec!["run".into(), "no/such.yaml".into()]).await, 2, &["no scenario at `no/such.yaml`"]);
    check_said(&Scenario::new(plain).run(&["--chart", "no/chart"]).await, 2, &["`no/chart` is no chart"]);
    check_said(&chartgate(vec!["judge".into(), "no/recording".into()]).await, 2, &["`no/recording`"]);
    check_said(&Scenario::new(plain).run(&["--image", "app"]).await, 2, &["expected NAME=REPOSITORY:TAG"]);
}

/// A failure would mean that "nothing ran" counts as success.
#[tokio::test]
async fn no_scenario_at_all_is_void() {
    let empty = support::repository().join("target/refusals").join(chartgate_base::random::text(8));
    std::fs::create_dir_all(&empty).expect("a folder can be made");
    let args = vec!["run".into(), empty.clone().into_os_string(), "--out".into(), empty.join("out").into_os_string()];
    let summary = empty.join("summary");
    std::fs::write(&summary, "before\n").expect("it can be written");
    let output = support::chartgate(args)
        .env("GITHUB_STEP_SUMMARY", &summary)
        .run_unchecked()
        .await
        .expect("the command starts");
    check_said(&output, 3, &["no scenario ran, so nothing was proven", "out/report.html, and beside it verdict.json"]);
    let summary = std::fs::read_to_string(summary).expect("it can be read");
    assert!(summary.starts_with("before\n## chartgate: VOID\n"), "the job's summary: {summary}");
    drop(std::fs::remove_dir_all(&empty));
}

/// A failure would mean that reports of nothing are written into a folder that was named by mistake.
#[tokio::test]
async fn a_folder_without_recordings_is_refused_and_left_as_it_is() {
    let folder = support::repository().join("target/refusals").join(chartgate_base::random::text(8));
    std::fs::create_dir_all(folder.join("templates")).expect("a folder can be made");
    for command in ["judge", "report"] {
        let output = chartgate(vec![command.into(), folder.clone().into_os_string()]).await;
        check_said(&output, 2, &["no recording at `", "hint: name the folder that a run wrote"]);
    }
    assert_eq!(folder.read_dir().expect("it is there").count(), 1, "something was written");
    drop(std::fs::remove_dir_all(&folder));
}

/// A failure would mean that a newcomer who runs the command where the chart is reads that there is no scenario.
#[tokio::test]
async fn the_chart_that_one_stands_in_and_the_charts_below_a_folder_are_found() {
    let charts = support::repository().join("charts");
    let listed = async |folder: &std::path::Path, args: &[&str]| {
        let args = std::iter::once("list").chain(args.iter().copied());
        let output = support::chartgate(args).folder(folder).run_unchecked().await.expect("the command starts");
        check_said(&output, 0, &[]);
        output.stdout
    };
    assert!(listed(&charts.join("starter"), &[]).await.contains("starter/"), "the chart itself");
    let all = listed(&support::repository(), &["charts/"]).await;
    for chart in charts.read_dir().expect("there are charts") {
        let name = chart.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(all.contains(&format!("{name}/")), "`{name}/` is not in:\n{all}");
    }
}

/// A failure would mean that a chart's broken template starts a cluster first, or is not laid to the chart.
#[tokio::test]
async fn a_chart_that_does_not_render_fails_without_a_cluster() {
    let chart =
        PatchedChart::new("codex-pooler", "templates/service.yaml", "kind: Service", "kind: {{ .Values.no.such }}");
    let path = chart.path().display().to_string();
    let output = Scenario::new("description: x\nsteps: [{install: {}}]\n").run(&["--chart", &path]).await;
    check_said(&output, 1, &["FAIL renders", "service.yaml", "  try  ", "  repeat    chartgate run ", "--chart "]);
    assert!(!output.stderr.contains("waiting for a cluster"), "{}", output.stderr);
}

/// A failure would mean that a user is sent to look for a fault of the chart's when the machine lacks something.
#[tokio::test]
async fn what_the_machine_lacks_is_named_with_a_hint() {
    let scenario = Scenario::new("description: x\nsteps: [{install: {}}]\n");
    let case = || vec!["run".into(), scenario.0.join("case.yaml").into_os_string(), "--out".into()];
    let full = support::chartgate([case(), vec!["/dev/full/out".into()]].concat());
    check_said(&full.run_unchecked().await.expect("it starts"), 4, &["/dev/full/out"]);
    let out = || vec![scenario.0.join("out").into_os_string()];
    let bare = support::chartgate([case(), out()].concat()).env("CHARTGATE_HOME", scenario.0.join("home"));
    check_said(&bare.run_unchecked().await.expect("it starts"), 4, &["hint: run `chartgate setup`"]);
    let engineless = support::chartgate([case(), out()].concat()).env("DOCKER_HOST", "unix:///no/engine.sock");
    let home = support::Home::new();
    let engineless = engineless.env("CHARTGATE_HOME", home.path());
    check_said(&engineless.run_unchecked().await.expect("it starts"), 4, &["hint:"]);
}

/// A failure would mean that a chart is called broken where it is helm that cannot be started.
#[tokio::test]
async fn a_helm_that_cannot_be_started_is_no_fault_of_the_charts() {
    let home = tempfile::tempdir().expect("a directory can be made");
    for (file, text) in [("tools.env", "HELM_3=3.99.0\n"), ("bin/helm-3.99.0", "no program")] {
        let path = home.path().join(file);
        std::fs::create_dir_all(path.parent().expect("it is in a directory")).expect("a directory can be made");
        std::fs::write(path, text).expect("it can be written");
    }
    let chart = support::repository().join("charts/starter").into_os_string();
    let out = home.path().join("out").into_os_string();
    let check = support::chartgate(["check".into(), chart, "--helm".into(), "3".into(), "--out".into(), out]);
    let output = check.env("CHARTGATE_HOME", home.path()).run_unchecked().await.expect("it starts");
    check_said(&output, 4, &["helm-3.99.0` is no executable file", "hint: "]);
}
