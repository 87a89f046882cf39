//! The schemas of scenarios and contracts: published as the types are, true of every file here, and as strict as the harness.

use std::path::{Path, PathBuf};

use chartgate::schema::File;
use chartgate_scenario::Overrides;
use jsonschema::Validator;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support;

/// How a file says which schema an editor completes it from.
const MODELINE: &str = "# yaml-language-server: $schema=";

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn published(file: File) -> PathBuf {
    support::repository().join("docs").join(file.schema_name())
}

fn validator(file: File) -> Validator {
    let schema: Value = serde_json::from_str(&read(&published(file))).expect("it is JSON");
    jsonschema::validator_for(&schema).expect("it is a schema")
}

/// Scenarios and contracts of the repository, each with what it is.
fn files() -> Vec<(PathBuf, File)> {
    let scenarios = chartgate_scenario::discover(&[support::repository().join("scenarios")]).expect("there are some");
    let mut files: Vec<(PathBuf, File)> = scenarios.iter().map(|path| (path.clone(), File::Scenario)).collect();
    let contracts = scenarios.iter().map(|path| path.with_file_name("contract.yaml")).filter(|path| path.exists());
    files.extend(contracts.map(|path| (path, File::Contract)));
    files.sort_by(|one, other| one.0.cmp(&other.0));
    files.dedup_by(|one, other| one.0 == other.0);
    files
}

/// A failure would mean that an editor completes keys which the harness refuses, or marks right ones.
#[rstest]
fn a_published_schema_is_up_to_date(
    #[values(File::Scenario, File::Contract, File::Mutation, File::Comparison)] file: File,
) {
    let path = published(file);
    let how = format!("run: cargo run --quiet -- schema {} > docs/{}", kind(file), file.schema_name());
    assert!(read(&path) == file.text().expect("it is JSON"), "{how}");
}

fn kind(file: File) -> String {
    format!("{file:?}").to_lowercase()
}

/// A failure would mean that the schema refuses what runs.
#[test]
fn every_file_of_the_repository_fits_its_schema() {
    let files = files();
    assert!(files.len() > 50, "most files were not found: {files:?}");
    for (path, file) in files {
        let value = chartgate_yaml::value(&read(&path)).expect("it is YAML");
        let wrong: Vec<String> = validator(file).iter_errors(&value).map(|error| format!("{error}")).collect();
        assert!(wrong.is_empty(), "{}: {}", path.display(), wrong.join("\n"));
    }
}

/// A failure would mean that an editor shows nothing for a file, or completes it as another kind.
#[test]
fn every_file_names_its_schema_in_its_first_line() {
    for (path, file) in files() {
        let text = read(&path);
        let named = text.lines().next().and_then(|line| line.strip_prefix(MODELINE));
        let named = named.unwrap_or_else(|| panic!("{} does not begin with `{MODELINE}`", path.display()));
        let target = path.with_file_name(named).canonicalize().unwrap_or_else(|_| panic!("{named}: nothing there"));
        assert_eq!(target, published(file), "{}", path.display());
    }
}

/// Whether the schema and the harness take a file.
fn is_taken(file: File, text: &str) -> (bool, bool) {
    let folder = support::repository().join("target/schemas").join(chartgate_base::random::text(8));
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    let contract =
        "roles: {web: {select: role=web, serves: {port: http, ready: /}}}\nbacking: {db: {kind: postgres}}\n";
    let chart = support::repository().join("charts/starter").display().to_string();
    let scenario = "description: x\nsteps: [{install: {}}, {upgrade: {}}]\n";
    let (contract, scenario) = if file == File::Contract { (text, scenario) } else { (contract, text) };
    std::fs::write(folder.join("contract.yaml"), format!("chart: {chart}\n{contract}")).expect("it can be written");
    std::fs::write(folder.join("case.yaml"), scenario).expect("it can be written");
    let harness = chartgate_scenario::load(&folder.join("case.yaml"), &Overrides::default()).is_ok();
    std::fs::remove_dir_all(&folder).expect("it can be removed");
    let value = chartgate_yaml::value(text).unwrap_or_else(|_| json!("no YAML"));
    (validator(file).is_valid(&value), harness)
}

/// A failure would mean that an editor and the harness disagree about a file.
#[rstest]
#[case::unknown_key("description: x\nsteps: [{install: {}}]\nvlaues: {}")]
#[case::no_description("steps: [{install: {}}]")]
#[case::steps_no_list("description: x\nsteps: 3")]
#[case::no_verb("description: x\nsteps: [{}]")]
#[case::two_verbs("description: x\nsteps: [{install: {}, upgrade: {}}]")]
#[case::no_options("description: x\nsteps: [{install: null}]")]
#[case::no_duration("description: x\ntimeout: 5 minutes\nsteps: [{install: {}}]")]
#[case::zero_duration("description: x\ntimeout: 0s\nsteps: [{install: {}}]")]
#[case::bare_number("description: x\ntimeout: 90\nsteps: [{install: {}}]")]
#[case::no_rate("description: x\ntraffic: {web: 50}\nsteps: [{install: {}}]")]
#[case::too_high_rate("description: x\ntraffic: {web: 2000/s}\nsteps: [{install: {}}]")]
#[case::unknown_fault("description: x\nsteps: [{install: {fault: migration-fail}}]")]
#[case::fault_as_step("description: x\nsteps: [{fault: client-killed}]")]
#[case::disruption_in_step("description: x\nsteps: [{install: {fault: {pod-killed: web}}}]")]
#[case::fault_without_value("description: x\nsteps: [{install: {fault: migration-slow}}]")]
#[case::fault_with_value("description: x\nsteps: [{install: {fault: {client-killed: 3s}}}]")]
#[case::two_roles_scaled("description: x\nsteps: [{scale: {web: 1, api: 2}}]")]
#[case::reused_values_of_nothing("description: x\nsteps: [{install: {reuse-values: true}}]")]
#[case::long_release(
    "description: x\nrelease: rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr\nsteps: [{install: {}}]"
)]
#[case::no_release("description: x\nrelease: My_Release\nsteps: [{install: {}}]")]
#[case::number_as_text("description: x\nimages: {app: 1}\nsteps: [{install: {}}]")]
#[case::no_version("description: x\nfrom: previuos\nsteps: [{install: {}}, {upgrade: {}}]")]
#[case::half_a_server("description: x\nbacking: {kafka: {image: 'kafka:4'}}\nsteps: [{install: {}}]")]
#[case::values_no_map("description: x\nvalues: [a]\nsteps: [{install: {}}]")]
fn a_wrong_scenario_is_refused_by_schema_and_harness(#[case] text: &str) {
    assert_eq!(is_taken(File::Scenario, text), (false, false), "{text}");
}

/// A failure would mean that an editor and the harness disagree about a file.
#[rstest]
#[case::unknown_key("rolse: {}")]
#[case::role_without_labels("roles: {web: {}}")]
#[case::port_too_high("roles: {web: {select: a=b, serves: {port: 70000, ready: /}}}")]
#[case::unknown_event("hooks: {migrate: {select: a=b, events: [pre-upgarde]}}")]
#[case::unknown_check("checks: [hook-odrer]")]
#[case::no_day("waivers: [{check: ready, scenario: case, reason: x, until: soon}]")]
#[case::unknown_server("backing: {db: {kind: mysql}}")]
#[case::no_versions("images: {app: {repository: a, tag: b, versions: {}}}")]
#[case::unpinned_module("requires: [{go-module: example.com/a, files: [b]}]")]
#[case::two_requirements("requires: [{manifest: a.yaml, go-module: example.com/a@v1, files: [b]}]")]
fn a_wrong_contract_is_refused_by_schema_and_harness(#[case] text: &str) {
    assert_eq!(is_taken(File::Contract, text), (false, false), "{text}");
}

/// A failure would mean that the two tests above refuse everything.
#[test]
fn right_files_are_taken_by_schema_and_harness() {
    let scenario = "description: x
release: my-release
timeout: 5m
from: [previous, 'git:v1', ./old, 'oci://example.com/a:1.0.0']
traffic: {web: 1000/s}
steps: [{install: {}}, {upgrade: {fault: client-killed}}, {fault: {role-down: {role: web, for: 9s}}}, {scale: {web: 2}}]";
    assert_eq!(is_taken(File::Scenario, scenario), (true, true));
    let contract = "roles: {web: {select: a=b, env: {A: null}, serves: {port: 8080, ready: /}}}
backing: {postgres: {}, kafka: {image: 'kafka:4', port: 9092, ready: started}}
waivers: [{check: ready, scenario: case, reason: x, until: '2026-12-31'}]";
    assert_eq!(is_taken(File::Contract, contract), (true, true));
}
