//! What each chart of `charts/` says of itself, and what it renders. Nothing here knows one chart, and nothing needs a cluster.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support;
use crate::support::markdown::{Document, cells, spans};
use chartgate_model::plan::{Action, Expect, Plan};
use chartgate_process::home;
use chartgate_process::tool::{Output, Tool};
use chartgate_runner::run;
use chartgate_scenario::Overrides;
use serde_json::{Value, json};

/// Helm renders a chart in well under a second; other tests run beside.
const LIMIT: Duration = Duration::from_secs(120);

/// A value in a chart's README: a row of a table whose first column is headed `value`.
struct Row {
    line: usize,
    /// Paths in `values.yaml`; one that ends with `.*` stands for all that is below.
    names: Vec<String>,
    /// The default, if the table shows it as code.
    default: Option<String>,
}

/// One way to render a chart.
struct Case {
    name: String,
    chart: PathBuf,
    release: String,
    is_upgrade: bool,
    values: Value,
    /// What helm's refusal must contain, if it may refuse.
    refusal: Option<String>,
}

fn charts() -> Vec<PathBuf> {
    let folder = support::repository().join("charts");
    let entries = std::fs::read_dir(folder).expect("charts/ can be read").map(|entry| entry.expect("an entry").path());
    let mut charts: Vec<_> = entries.filter(|path| path.join("Chart.yaml").exists()).collect();
    charts.sort();
    assert!(!charts.is_empty(), "charts/ holds no chart");
    charts
}

fn name_of(chart: &Path) -> String {
    chart.file_name().expect("a chart's folder has a name").to_string_lossy().into_owned()
}

fn readme(chart: &Path) -> Document {
    Document::read(&chart.join("README.md"))
}

fn default_values(chart: &Path) -> Value {
    let text = std::fs::read_to_string(chart.join("values.yaml")).expect("a chart has values.yaml");
    chartgate_yaml::value(&text).expect("values.yaml is YAML")
}

/// Both helms.
fn helms() -> [(&'static str, PathBuf); 2] {
    ["HELM_3", "HELM_4"].map(|major| {
        let version = home::version(major).expect("versions.env names it");
        (major, home::tool("helm", version).unwrap_or_else(|error| panic!("{error:#}")))
    })
}

async fn helm(program: &Path, args: &[&str], values: &Value) -> Output {
    home::set_exe(env!("CARGO_BIN_EXE_chartgate"));
    // Without a cluster to ask, and without the user's own configuration.
    let call = Tool::new("helm", program).args(args).env("KUBECONFIG", "/dev/null").folder(support::repository());
    call.stdin(values.to_string()).deadline(LIMIT).run_unchecked().await.expect("helm starts")
}

/// What a chart cannot choose for its users, by the field's convention, or nothing.
fn least_values(chart: &Path) -> Value {
    let text = std::fs::read_to_string(chart.join("ci/default-values.yaml")).unwrap_or_else(|_| "{}".to_owned());
    chartgate_yaml::value(&text).expect("ci/default-values.yaml is YAML")
}

/// The chart with its defaults, then as each step of its scenarios has it.
fn cases(chart: &Path) -> Vec<Case> {
    let name = name_of(chart);
    let mut cases = vec![Case {
        name: "defaults".to_owned(),
        chart: chart.to_owned(),
        release: name.clone(),
        is_upgrade: false,
        values: least_values(chart),
        refusal: None,
    }];
    let scenarios = support::repository().join("scenarios");
    for path in chartgate_scenario::discover(&[scenarios]).expect("the scenarios can be read") {
        let plan = chartgate_scenario::load(&path, &Overrides::default()).unwrap_or_else(|error| panic!("{error:#}"));
        if plan.chart.name == name {
            cases.extend(cases_of(&plan));
        }
    }
    cases
}

fn cases_of(plan: &Plan) -> Vec<Case> {
    let mut cases = Vec::new();
    for (index, step) in plan.steps.iter().enumerate() {
        if !matches!(step.action, Action::Install | Action::Upgrade | Action::RunHook { .. }) {
            continue;
        }
        let mut values = plan.values.clone();
        chartgate_scenario::merge(&mut values, step.values.clone());
        let refusal = match &step.expect {
            Expect::Succeeds | Expect::Interrupted => None,
            Expect::Fails(part) => Some(part.clone()),
        };
        let stem = plan.name.replace('/', "-");
        cases.push(Case {
            name: format!("{stem}-{}-{}", index + 1, step.verb()),
            chart: plan.chart.path.clone(),
            release: plan.release.clone(),
            is_upgrade: step.action == Action::Upgrade,
            values: filled(plan, &values),
            refusal,
        });
    }
    if let Some(neighbour) = &plan.neighbour {
        let mut values = plan.values.clone();
        chartgate_scenario::merge(&mut values, neighbour.values.clone());
        let name = format!("{}-neighbour", plan.name.replace('/', "-"));
        let (chart, release, values) = (plan.chart.path.clone(), neighbour.release.clone(), filled(plan, &values));
        cases.push(Case { name, chart, release, is_upgrade: false, values, refusal: None });
    }
    cases
}

/// The values with placeholders in their templates' place: no server runs here.
fn filled(plan: &Plan, values: &Value) -> Value {
    chartgate_scenario::fill(values, &run::placeholders(plan, "placeholder"))
        .unwrap_or_else(|error| panic!("{error:#}"))
}

async fn render(program: &Path, case: &Case) -> Output {
    let kubernetes = home::kubernetes().expect("a version of Kubernetes is named");
    let chart = case.chart.display().to_string();
    let mut args = vec!["template", &case.release, &chart, "--values", "-", "--kube-version", &kubernetes];
    args.extend(case.is_upgrade.then_some("--is-upgrade"));
    helm(program, &args, &case.values).await
}

/// What is wrong with a manifest by Kubernetes' own schemas.
fn schema_mistakes(manifest: &str) -> Vec<String> {
    let minor = home::kubernetes().expect("a version of Kubernetes is named");
    let objects = chartgate_yaml::objects(manifest).unwrap_or_else(|error| panic!("{error:#}\n{manifest}"));
    assert!(!objects.is_empty(), "nothing was checked");
    chartgate_judge::schema_mistakes(&objects, &minor)
        .unwrap_or_else(|| panic!("there are schemas of Kubernetes {minor}"))
}

/// Checks that manifests, each by its name, fit the schemas.
#[track_caller]
fn check_valid(manifests: &[(String, String)]) {
    for (name, manifest) in manifests {
        assert_eq!(schema_mistakes(manifest), Vec::<String>::new(), "{name}");
    }
}

#[track_caller]
fn check_ended_well(output: &Output, what: &str) {
    assert!(output.is_success(), "{what}\n{}{}", output.stdout, output.stderr);
}

fn value_rows(document: &Document) -> Vec<Row> {
    let mut rows = Vec::new();
    let (mut is_table, mut before, mut is_new) = (false, Vec::new(), true);
    for piece in document.prose() {
        let Some(row) = cells(&piece.text) else {
            (is_table, is_new) = (false, is_new || piece.text.is_empty());
            if !piece.text.is_empty() {
                // The paragraph before a table may name what `*.` stands for in it.
                before = if std::mem::take(&mut is_new) { Vec::new() } else { before };
                before.extend(spans(&piece.text));
            }
            continue;
        };
        if row[0] == "value" {
            is_table = true;
        } else if is_table && row[0].contains('`') {
            let default = row.get(1).filter(|cell| cell.matches('`').count() == 2);
            let default = default.and_then(|cell| cell.strip_prefix('`')?.strip_suffix('`')).map(str::to_owned);
            rows.push(Row { line: piece.line, names: names(&row[0], &before), default });
        }
    }
    rows
}

/// The paths that a cell names: `*.x` is meant below each of `before`, and `.x` after another name is its neighbour.
fn names(cell: &str, before: &[String]) -> Vec<String> {
    let mut parent = String::new();
    let mut names = Vec::new();
    for name in spans(cell) {
        let name = if name.starts_with('.') { format!("{parent}{name}") } else { name };
        match name.strip_prefix("*.") {
            Some(below) => names.extend(before.iter().map(|above| format!("{above}.{below}"))),
            None => names.push(name.clone()),
        }
        parent = name.rsplit_once('.').map_or(String::new(), |(parent, _)| parent.to_owned());
    }
    names
}

fn lookup<'a>(values: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(values, |value, key| value.get(key))
}

/// The paths of all scalars, lists and empty maps.
fn leaves(path: &str, value: &Value) -> Vec<String> {
    match value.as_object().filter(|map| !map.is_empty()) {
        None => vec![path.to_owned()],
        Some(map) => {
            let join = |key: &String| if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            map.iter().flat_map(|(key, below)| leaves(&join(key), below)).collect()
        }
    }
}

/// What is wrong with the values that a README names, in a person's words.
fn mistakes(document: &Document, values: &Value) -> Vec<String> {
    let rows = value_rows(document);
    let mut mistakes = Vec::new();
    for row in &rows {
        for name in &row.names {
            let (line, path) = (row.line, name.strip_suffix(".*").unwrap_or(name));
            let Some(value) = lookup(values, path) else {
                mistakes.push(format!("line {line}: there is no value `{name}`"));
                continue;
            };
            let Some(shown) = &row.default else { continue };
            let shown = chartgate_yaml::value(shown).unwrap_or_else(|_| json!(shown));
            let meant = if path == name { vec![name.clone()] } else { leaves(path, value) };
            for path in meant.iter().filter(|path| lookup(values, path) != Some(&shown)) {
                let actual = lookup(values, path).unwrap_or(&Value::Null);
                mistakes.push(format!("line {line}: the default of `{path}` is {actual}, not {shown}"));
            }
        }
    }
    let named: Vec<_> = rows.iter().flat_map(|row| &row.names).map(|name| name.trim_end_matches(".*")).collect();
    let is_named = |path: &String| named.iter().any(|name| path == name || path.starts_with(&format!("{name}.")));
    let missing = leaves("", values).into_iter().filter(|path| !is_named(path));
    mistakes.extend(missing.map(|path| format!("`{path}` is in values.yaml and in no table")));
    mistakes
}

/// A failure would mean that a user cannot find a value, sets one that does nothing, or relies on a default that is another.
#[test]
fn the_readme_names_every_value_with_its_default() {
    for chart in charts() {
        let found = mistakes(&readme(&chart), &default_values(&chart));
        assert!(found.is_empty(), "{}/README.md:\n{}", chart.display(), found.join("\n"));
    }
}

/// A failure would mean that the test above is green whatever a README says.
#[test]
fn a_missing_an_unknown_and_a_wrong_value_are_found() {
    let text = "`a` and `b` have:\n\n| value | default | |\n| --- | --- | --- |\n| `*.x`, `.y` | `1` | |\n| `c.*` | `\"\"` | |\n\
                | `d` | see `e` | |\n";
    let document = Document::new(Path::new("README.md"), text);
    let fine = json!({"a": {"x": 1, "y": 1}, "b": {"x": 1, "y": 1}, "c": {"k": "", "l": ""}, "d": {"e": [1]}});
    assert_eq!(mistakes(&document, &fine), Vec::<String>::new());
    let other = json!({"a": {"x": 1, "y": 2}, "b": {"x": 1}, "c": {"k": "", "l": 1}, "d": {}, "f": {"g": null}});
    let expected = [
        "line 5: the default of `a.y` is 2, not 1",
        "line 5: there is no value `b.y`",
        "line 6: the default of `c.l` is 1, not \"\"",
        "`f.g` is in values.yaml and in no table",
    ];
    assert_eq!(mistakes(&document, &other), expected);
}

/// A failure would mean that a user's own pipeline, which lints what it deploys, stops at the chart.
#[tokio::test]
async fn lint_is_clean_under_both_helms() {
    for chart in charts() {
        for (major, program) in helms() {
            let path = chart.display().to_string();
            let output = helm(&program, &["lint", "--strict", &path], &json!({})).await;
            check_ended_well(&output, &format!("{major}: {path}"));
            assert!(!output.stdout.contains("[WARNING]"), "{}", output.stdout);
        }
    }
}

/// A failure would mean that the API server refuses an object, or drops a mis-spelled field and the release lacks what it sets.
#[tokio::test]
async fn every_manifest_is_valid_by_kubernetes_own_schemas() {
    for chart in charts() {
        for (major, program) in helms() {
            let mut manifests = Vec::new();
            for case in cases(&chart) {
                let output = render(&program, &case).await;
                match &case.refusal {
                    Some(part) if !output.is_success() => assert!(output.stderr.contains(part), "{}", output.stderr),
                    _ => {
                        check_ended_well(&output, &format!("{major}: {}", case.name));
                        manifests.push((case.name, output.stdout));
                    }
                }
            }
            check_valid(&manifests);
        }
    }
}

/// A failure would mean that the test above is green whatever a chart renders.
#[tokio::test]
async fn a_wrong_field_in_a_manifest_is_refused() {
    let faults = [
        ("containers:", "containres:", "is no field of its kind"),
        ("\nmetadata:\n", "\nmetadata:\n  generation: one\n", "must be an integer"),
    ];
    let (_, program) = &helms()[0];
    let manifest = render(program, &cases(&charts()[0])[0]).await.stdout;
    for (text, fault, said) in faults {
        let planted = manifest.replace(text, fault);
        assert_ne!(planted, manifest, "the fault `{fault}` is not there");
        let found = schema_mistakes(&planted);
        assert!(found.iter().any(|mistake| mistake.contains(said)), "{found:?}");
    }
}

/// A failure would mean that a mis-spelled value is ignored, and a user believes in a setting that is not there.
#[tokio::test]
async fn an_unknown_value_is_refused_and_named() {
    for chart in charts() {
        for (major, program) in helms() {
            let path = chart.display().to_string();
            let output = helm(&program, &["template", "x", &path, "--set", "noSuchValue=1"], &json!({})).await;
            assert!(!output.is_success(), "{major}: {path} takes the unknown value `noSuchValue`");
            assert!(output.stderr.contains("noSuchValue"), "{major}: {path} does not name it:\n{}", output.stderr);
        }
    }
}

/// A failure would mean that the first command that a reader tries does not work.
#[tokio::test]
async fn the_readmes_helm_template_commands_work_as_written() {
    for chart in charts() {
        let commands = readme(&chart).commands();
        let commands: Vec<_> = commands.iter().filter(|command| command.text.starts_with("helm template ")).collect();
        assert!(!commands.is_empty(), "{}/README.md shows no `helm template`", chart.display());
        for (major, program) in helms() {
            let mut manifests = Vec::new();
            for command in &commands {
                let shell = "helm() { \"$program\" \"$@\"; }; eval \"$command\"";
                let call = Tool::new("bash", "bash").args(["-euc", shell]).folder(support::repository());
                let call = call.env("program", &program).env("command", &command.text).env("KUBECONFIG", "/dev/null");
                let output = call.deadline(LIMIT).run_unchecked().await.expect("bash starts");
                check_ended_well(&output, &format!("{major}: {}/README.md:{}", chart.display(), command.line));
                manifests.push((format!("line-{}", command.line), output.stdout));
            }
            check_valid(&manifests);
        }
    }
}
