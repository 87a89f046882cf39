//! `chartgate check` as its users call it: no cluster, no engine, the real helm.

use std::path::{Path, PathBuf};

use chartgate_process::tool::{Output, Tool};
use serde_json::Value;

use crate::support;

/// A chart of this test's own, which goes with it.
struct Chart(PathBuf);

const DESCRIPTION: &str = "apiVersion: v2\nname: app\nversion: 1.2.3\nappVersion: \"4\"\n";

/// A Deployment that no check objects to.
const DEPLOYMENT: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}-web", labels: {app: "{{ .Release.Name }}"}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: "{{ .Release.Name }}"}}
  template:
    metadata: {labels: {app: "{{ .Release.Name }}"}}
    spec:
      automountServiceAccountToken: false
      containers:
        - name: web
          image: registry.example/web:1
"#;

impl Chart {
    /// A chart with a Deployment, and these files in it or in place of its own.
    fn new(files: &[(&str, &str)]) -> Self {
        let chart = Self(
            support::repository().join("target/chartgate/check").join(chartgate_base::random::text(8)).join("app"),
        );
        chart.write("Chart.yaml", DESCRIPTION);
        chart.write("values.yaml", "replicas: 1\n");
        chart.write("templates/web.yaml", DEPLOYMENT);
        for (path, text) in files {
            chart.write(path, text);
        }
        chart
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().expect("it is in a directory")).expect("a directory can be made");
        std::fs::write(path, text).expect("a file can be written");
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.0.join(path)).expect("it is there")
    }

    /// Checks it, and gives what is said and the verdict's file.
    async fn check(&self, args: &[&str]) -> Checked {
        check(&self.0, &self.0.with_extension("out"), args).await
    }

    async fn git(&self, args: &[&str]) {
        let who = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"];
        Tool::on_path("git").args(who).args(args).folder(&self.0).run().await.expect("git does it");
    }
}

impl Drop for Chart {
    fn drop(&mut self) {
        self.0.parent().into_iter().for_each(|directory| drop(std::fs::remove_dir_all(directory)));
    }
}

struct Checked {
    output: Output,
    verdict: Value,
}

async fn check(chart: &Path, out: &Path, args: &[&str]) -> Checked {
    let call = Tool::new("chartgate", env!("CARGO_BIN_EXE_chartgate")).args(["check"]).args([chart]).args(args);
    // Nothing may ask an engine.
    let call = call.args(["--out"]).args([out]).env("DOCKER_HOST", "tcp://127.0.0.1:1").without_env("GITHUB_ACTIONS");
    let output = call.run_unchecked().await.expect("the command starts");
    let text = std::fs::read_to_string(out.join("verdict.json")).unwrap_or_default();
    Checked { output, verdict: serde_json::from_str(&text).unwrap_or_default() }
}

impl Checked {
    fn said(&self) -> String {
        chartgate_base::stdio::plain(&format!("{}{}", self.output.stdout, self.output.stderr))
    }

    /// The exit code, and parts of what is said.
    #[track_caller]
    fn is(&self, code: i32, parts: &[&str]) -> &Self {
        let said = self.said();
        assert_eq!(self.output.status.and_then(|status| status.code()), Some(code), "exit code of:\n{said}");
        for part in parts {
            assert!(said.contains(part), "`{part}` is not in:\n{said}");
        }
        self
    }

    /// What a check found: its verdict and all that it says.
    fn found(&self, name: &str) -> Option<(String, String)> {
        let checks = self.verdict["scenarios"][0]["checks"].as_array()?;
        let finding = checks.iter().find(|finding| finding["check"] == name)?;
        Some((finding["verdict"].as_str()?.to_owned(), finding.to_string()))
    }
}

/// A failure would mean that a right chart is red, that nothing is counted as not examined, or that an engine is asked.
#[tokio::test]
async fn a_right_chart_passes_without_an_engine() {
    let checked = Chart::new(&[]).check(&[]).await;
    checked.is(0, &["pass    renders", "pass    schema-valid", "not examined: ", "pass: 1 passed"]);
    assert_eq!(checked.found("hook-order"), None, "what needs a cluster has no verdict");
}

/// A failure would mean that what Kubernetes drops in silence is installed.
#[tokio::test]
async fn a_misspelled_field_is_named_with_its_object() {
    let chart = Chart::new(&[(
        "templates/web.yaml",
        &DEPLOYMENT.replace("automountServiceAccountToken", "automountServiceAcountToken"),
    )]);
    let says = "`spec.template.spec.automountServiceAcountToken` of deployment/my-app-web is no field of its kind";
    chart.check(&[]).await.is(1, &["FAIL schema-valid in app", says, "did you mean `automountServiceAccountToken`?"]);
}

/// A failure would mean that a fault of one values file is laid to the defaults, or is told once for each of them.
#[tokio::test]
async fn a_finding_is_told_once_with_the_values_under_which_it_appears() {
    let template = DEPLOYMENT.replace("replicas: {{ .Values.replicas }}", "replicas: {{ .Values.replicas | toJson }}");
    let text = "replicas: \"2\"\n";
    let chart = Chart::new(&[
        ("templates/web.yaml", &template),
        ("ci/a-values.yaml", text),
        ("ci/b-values.yaml", text),
        ("ci/c-values.yaml", "replicas: 3\n"),
    ]);
    let checked = chart.check(&[]).await;
    checked.is(1, &["must be an integer, and is the string `2`", "under ci/a-values.yaml, ci/b-values.yaml"]);
    assert!(!checked.said().contains("and 1 more"), "{}", checked.said());
    chart.check(&["--set", "replicas=4"]).await.is(0, &[]);
}

/// A failure would mean that a chart which asks for values is called broken, or that it passes unseen.
#[tokio::test]
async fn defaults_that_refuse_need_values() {
    let refusing = format!("{{{{ required \"set auth.secret\" .Values.auth.secret }}}}\n{DEPLOYMENT}")
        .replace("{{ required", "# {{ required");
    let chart = Chart::new(&[("templates/web.yaml", &refusing), ("values.yaml", "replicas: 1\nauth: {}\n")]);
    chart.check(&[]).await.is(3, &["VOID renders in app", "needs values: `auth.secret`: set auth.secret"]);
    chart.write("ci/given-values.yaml", "auth: {secret: x}\n");
    chart.check(&[]).await.is(0, &["note: the defaults were not judged: needs values: `auth.secret`"]);
}

/// A failure would mean that every chart which keeps a password by `lookup` is red.
#[tokio::test]
async fn an_upgrade_that_asks_the_cluster_is_no_finding() {
    let asking = "{{ if .Release.IsUpgrade }}{{ fail \"no Secret of the release\" }}{{ end }}\n";
    let checked = Chart::new(&[("templates/asks.yaml", asking)]).check(&[]).await;
    checked.is(0, &["pass    renders"]);
}

/// A failure would mean that a chart is judged for a Kubernetes that it does not support, or that its limits are misread.
#[tokio::test]
async fn the_charts_kube_version_counts() {
    let newest = chartgate_process::home::kubernetes_releases().pop().expect("one is supported");
    let chart = Chart::new(&[("Chart.yaml", &format!("{DESCRIPTION}kubeVersion: \">= {newest}-0\"\n"))]);
    let checked = chart.check(&[]).await;
    let minor = newest.rsplit_once('.').map_or("", |(minor, _)| minor);
    checked.is(0, &[&format!("fit the schemas of Kubernetes {minor}")]);
    chart.write("Chart.yaml", &format!("{DESCRIPTION}kubeVersion: \">= 9.0.0\"\n"));
    chart.check(&[]).await.is(1, &["FAIL renders in app", "kubeVersion"]);
}

/// A failure would mean that the switch which breaks a chart is found by its users.
#[tokio::test]
async fn the_switch_that_breaks_a_chart_is_found_and_written() {
    let broken = "{{ if .Values.ingress.enabled }}{{ .Values.ingress.tls.secret.name }}{{ end }}\n";
    let refusing = "{{ if .Values.strict }}{{ fail \"not with this\" }}{{ end }}\n";
    let values = "replicas: 1\ningress: {enabled: false}\nstrict: false\nother: true\n";
    let chart =
        Chart::new(&[("templates/ingress.yaml", broken), ("templates/strict.yaml", refusing), ("values.yaml", values)]);
    chart.check(&[]).await.is(0, &[]);
    let written = chart.0.with_extension("written");
    let checked = chart.check(&["--explore", "--write", &written.display().to_string()]).await;
    let note = "explored 3 of 3 variations of the values, one at a time; the chart refuses 1 of them";
    checked.is(1, &["FAIL renders in app", "nil pointer", "under ingress.enabled=true", note]);
    let file = std::fs::read_to_string(written.join("app-ingress-enabled-true-values.yaml")).expect("it is written");
    assert!(file.ends_with("ingress:\n  enabled: true\n"), "{file}");
    chart.check(&["--explore=1", "--seed", "7"]).await.is_one_of(&[0, 1], "explored 1 of 3 variations");
}

impl Checked {
    #[track_caller]
    fn is_one_of(&self, codes: &[i32], part: &str) {
        let code = self.output.status.and_then(|status| status.code()).unwrap_or(-1);
        assert!(codes.contains(&code) && self.said().contains(part), "{code}:\n{}", self.said());
    }
}

/// A failure would mean that a chart with old findings cannot switch the gate on, or that new ones pass with them.
#[tokio::test]
async fn a_baseline_lets_old_findings_pass_and_new_ones_not() {
    let misspelled = |field: &str| DEPLOYMENT.replace("automountServiceAccountToken: false", field);
    let chart = Chart::new(&[("templates/web.yaml", &misspelled("one: 1"))]);
    chart.check(&[]).await.is(1, &[]);
    chart.check(&["--write-baseline"]).await.is(0, &["waived  schema-valid", "waived (baseline)"]);
    let baseline = chart.read("ci/chartgate/baseline.yaml");
    assert!(
        baseline.contains("check: schema-valid") && baseline.contains("object: deployment/my-app-web"),
        "{baseline}"
    );
    chart.check(&[]).await.is(0, &[]);
    chart.check(&["--no-waivers"]).await.is(1, &["`spec.template.spec.one` of deployment/my-app-web"]);
    chart.write("templates/web.yaml", &misspelled("two: 2"));
    chart.check(&[]).await.is(1, &["`spec.template.spec.two` of deployment/my-app-web", "no longer applies"]);
}

/// A failure would mean that a change without a new version is merged, or that an unchanged chart is checked again and again.
#[tokio::test]
async fn a_changed_chart_must_have_a_higher_version() {
    let chart = Chart::new(&[(".helmignore", "ci/\n")]);
    chart.git(&["init", "--quiet"]).await;
    chart.git(&["add", "."]).await;
    chart.git(&["commit", "--quiet", "-m", "first"]).await;
    chart.check(&["--changed"]).await.is(0, &["no chart changed since"]);
    chart.write("ci/x-values.yaml", "replicas: 2\n");
    chart.check(&["--changed=main"]).await.is(0, &["not applicable: ", "version-raised"]);
    chart.write("values.yaml", "replicas: 2\n");
    chart
        .check(&["--changed=main"])
        .await
        .is(1, &["FAIL version-raised in app", "`values.yaml` changed since main", "still 1.2.3"]);
    chart.write("Chart.yaml", &DESCRIPTION.replace("1.2.3", "1.3.0"));
    chart.check(&["--changed=main"]).await.is(0, &["pass    version-raised"]);
    chart.check(&["--changed=no-such"]).await.is(2, &["no-such"]);
}

/// A failure would mean that a chart's first version cannot be checked as its later ones are, or that an upgrade from nothing passes.
#[tokio::test]
async fn without_a_version_before_it_a_chart_is_judged_by_itself() {
    let chart = Chart::new(&[]);
    chart.git(&["init", "--quiet"]).await;
    chart.git(&["add", "."]).await;
    chart.git(&["commit", "--quiet", "-m", "first"]).await;
    let note = "no upgrade from a version before it was judged: git knows no version of `app` before 1.2.3";
    chart.check(&["--from", "previous"]).await.is(0, &["pass    renders", note]);
    chart.check(&["--from", "./none"]).await.is(3, &["VOID renders in app", "(`./none`) could not be had"]);
}

/// A failure would mean that what repeats a check does another one, or tells a secret.
#[tokio::test]
async fn what_repeats_a_check_has_its_arguments_and_no_secret() {
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {token: {{ .Values.token | quote }}}\n";
    let web = DEPLOYMENT.replace("replicas:", "replica:");
    let chart = Chart::new(&[("templates/web.yaml", &web), ("templates/secret.yaml", secret)]);
    let args = ["--explore=3", "--kubernetes", "1.34", "--set", "replicas=2", "--set", "token=correct-horse-battery"];
    let checked = chart.check(&args).await;
    checked.is(1, &["FAIL schema-valid", " --explore=3 ", " --kubernetes=1.34 ", "--set replicas=2"]);
    let told = checked.said() + &checked.verdict.to_string();
    assert!(!told.contains("correct-horse-battery"), "{told}");
}

/// A failure would mean that a dashboard whose author wrote `1e+06` is taken for a spoilt number once its chart is packed.
#[tokio::test]
async fn numbers_in_packed_dependencies_are_known_as_they_are_written() {
    let limits = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-d}\ndata:\n  \
                  a.json: {{ .Files.Get \"a.json\" | quote }}\n";
    let packed = [
        ("dash/Chart.yaml", "apiVersion: v2\nname: dash\nversion: 0.1.0\n"),
        ("dash/a.json", "{\"max\": 1e+06}"),
        ("dash/templates/d.yaml", limits),
    ];
    let chart = Chart::new(&packed);
    std::fs::create_dir(chart.0.join("charts")).expect("a directory can be made");
    let archive = chart.0.join("charts/dash-0.1.0.tgz");
    let tar = Tool::on_path("tar").args(["-czf"]).args([&archive]).args(["-C"]).args([&chart.0]).args(["dash"]);
    tar.run().await.expect("tar packs it");
    std::fs::remove_dir_all(chart.0.join("dash")).expect("it goes");
    let chart_file = format!("{DESCRIPTION}dependencies: [{{name: dash, version: 0.1.0, repository: \"\"}}]\n");
    chart.write("Chart.yaml", &chart_file);
    chart.check(&[]).await.is(0, &["pass    values-keep-their-form"]);
}

/// A failure would mean that values which the chart's schema asks for make a chart red that only needs them.
#[tokio::test]
async fn values_that_the_schema_asks_for_are_needed_and_no_fault() {
    let schema = r#"{"required": ["domain"], "properties": {"domain": {"type": "string"}}}"#;
    let chart = Chart::new(&[("values.schema.json", schema)]);
    chart.check(&[]).await.is(3, &["needs values: `domain`"]);
}

/// A failure would mean that an archive, or a directory of charts, is not checked as its charts are.
#[tokio::test]
async fn archives_and_directories_of_charts_are_checked() {
    let chart = Chart::new(&[("templates/web.yaml", &DEPLOYMENT.replace("replicas:", "replica:"))]);
    let directory = chart.0.parent().expect("it is in one");
    let archive = directory.join("app-1.2.3.tgz");
    Tool::on_path("tar")
        .args(["-czf"])
        .args([&archive])
        .args(["-C"])
        .args([directory])
        .args(["app"])
        .run()
        .await
        .expect("tar packs it");
    for path in [archive.as_path(), directory] {
        check(path, &directory.join("out"), &[]).await.is(1, &["FAIL schema-valid in app", "did you mean `replicas`?"]);
    }
    check(&directory.join("none"), &directory.join("out"), &[]).await.is(2, &["no such file"]);
}

/// A failure would mean that a chart is blamed for a slip in the command line.
#[tokio::test]
async fn a_values_file_that_cannot_be_read_is_no_fault_of_the_chart() {
    let chart = Chart::new(&[("list.yaml", "- a\n")]);
    let list = chart.0.join("list.yaml").display().to_string();
    chart
        .check(&["--values", &list])
        .await
        .is(2, &["list.yaml` holds no map of values", "hint: a values file has keys"]);
    chart.check(&["--values", "none.yaml"]).await.is(2, &["--values: `none.yaml` cannot be read"]);
    chart.check(&["--kubernetes", "latest"]).await.is(2, &["write a version such as `1.34`"]);
    let file = chart.0.join("Chart.yaml");
    check(&file, &chart.0.with_extension("out"), &[])
        .await
        .is(2, &["is a part of a chart", "hint: name its directory"]);
}
