mod apply;
mod backing;
mod chart;
mod contract;
mod fuzz;
mod origin;

use std::path::PathBuf;

use chartgate_model::plan::{Action, Awaited, Backing, Place, Server};
use chartgate_yaml::{Invalid, Mistakes};
use serde_json::json;

use super::*;

/// A folder with a chart, a contract and one scenario.
pub(super) struct Files(PathBuf);

impl Files {
    pub(super) fn new(name: &str, contract: &str, scenario: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("chartgate-{name}-{}", chartgate_base::random::text(6)));
        std::fs::create_dir_all(folder.join("chart")).unwrap();
        std::fs::write(folder.join("chart/Chart.yaml"), "name: pooler\nversion: 1.2.3\nappVersion: 7\n").unwrap();
        std::fs::write(folder.join(CONTRACT), contract).unwrap();
        std::fs::write(folder.join("case.yaml"), scenario).unwrap();
        Self(folder)
    }

    fn load(&self) -> Result<Plan> {
        load(&self.0.join("case.yaml"), &Overrides::default())
    }

    /// The error of loading, without the folder's name.
    #[track_caller]
    pub(super) fn refusal(&self) -> String {
        let error = self.load().unwrap_err();
        assert!(error.is::<Mistakes>(), "exit code 2 is for mistakes in files: {error:?}");
        error.to_string().replace(&format!("{}/", self.0.display()), "")
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

pub(super) const CONTRACT_TEXT: &str = "
chart: chart
backing: {postgres: {}}
images: {app: {repository: image.repository, tag: image.tag, use: example/app, versions: {v1: '1.0', v2: '2.0'}}}
roles: {web: {select: role=web, env: {MODE: web, OTHER: null}, serves: {port: 4000, ready: /readyz}}}
hooks: {migrate: {select: role=migrate, events: [pre-upgrade], before: [web], migrates: postgres}}
";

/// A failure would mean that an upgrade does not change the image that the scenario names.
#[test]
fn images_become_values_and_the_scenarios_values_win() {
    let scenario = "
description: x
values: {image: {pullPolicy: Never}}
steps: [{install: {}}, {upgrade: {images: {app: v2}, values: {replicas: 2}, timeout: 90s}}, {rollback: {to: 1}}]
";
    let plan = Files::new("images", CONTRACT_TEXT, scenario).load().unwrap();
    let image = json!({"repository": "example/app", "tag": "1.0", "pullPolicy": "Never"});
    assert_eq!(plan.values, json!({"image": image}));
    assert_eq!(plan.steps[1].values, json!({"image": {"repository": "example/app", "tag": "2.0"}, "replicas": 2}));
    assert_eq!(plan.steps[1].timeout_seconds, 90);
    assert_eq!(plan.steps[0].timeout_seconds, 300);
    assert_eq!(plan.steps[2].action, Action::Rollback { to: Some(1) });
    assert_eq!((plan.release.as_str(), plan.chart.app_version.as_deref()), ("pooler", Some("7")));
    assert_eq!(plan.roles["web"].env["OTHER"], None);
}

/// A failure would mean that a name which refers to nothing is found out on the cluster, or never.
#[test]
fn a_name_that_refers_to_nothing_is_refused_with_what_is_known() {
    let plain = "description: x\nsteps: [{install: {}}]\n";
    let cases = [
        (
            CONTRACT_TEXT.replace("before: [web]", "before: [wbe]"),
            plain.to_owned(),
            "unknown role `wbe`\n --> contract.yaml:6:",
        ),
        (CONTRACT_TEXT.replace("[pre-upgrade]", "[pre-upgarde]"), plain.to_owned(), "did you mean `pre-upgrade`?"),
        (CONTRACT_TEXT.replace("migrates: postgres", "migrates: mysql"), plain.to_owned(), "known are `postgres`"),
        (
            CONTRACT_TEXT.to_owned(),
            plain.replace("{}", "{images: {app: v3}}"),
            "unknown version `v3`\n --> case.yaml:2:",
        ),
        (CONTRACT_TEXT.to_owned(), format!("{plain}without: [webb]\n"), "did you mean `web`?"),
    ];
    for (contract, scenario, expected) in cases {
        let refusal = Files::new("names", &contract, &scenario).refusal();
        assert!(refusal.contains(expected), "`{expected}` is not in: {refusal}");
    }
}

/// A failure would mean that a step does something else than its author wrote.
#[test]
fn a_step_has_exactly_one_verb() {
    for steps in ["[{}]", "[{install: {}, upgrade: {}}]"] {
        let refusal = Files::new("verbs", CONTRACT_TEXT, &format!("description: x\nsteps: {steps}\n")).refusal();
        assert!(refusal.contains("a step has exactly one of"), "{refusal}");
    }
    let refusal = Files::new("verbs", CONTRACT_TEXT, "description: x\nsteps: [{instal: {}}]\n").refusal();
    assert!(refusal.contains("case.yaml:2:10") && refusal.contains("did you mean `install`?"), "{refusal}");
}

/// A failure would mean that a fault which can never happen is found out on a cluster, minutes later.
#[test]
fn a_fault_that_cannot_happen_is_refused_with_what_it_needs() {
    let with = |rest: &str| format!("description: x\n{rest}\n");
    let upgrade = with("steps: [{install: {}}, {upgrade: {fault: migration-fails}}]");
    let drain = with("steps: [{install: {}}, {fault: node-drained}]");
    let restart = with("steps: [{install: {}}, {fault: database-restarts}]");
    let crash = with("steps: [{install: {}}, {upgrade: {fault: image-crashes}}]");
    let plain = CONTRACT_TEXT.replace(", migrates: postgres", "");
    let stateless = plain.replace("backing: {postgres: {}}\n", "");
    let cases = [
        (plain.as_str(), &upgrade, "hint: name the database in the contract's hook"),
        (CONTRACT_TEXT, &drain, "`workers: 2`"),
        (stateless.as_str(), &restart, "`postgres: {}`"),
        (CONTRACT_TEXT, &crash, "`crashes: TAG`"),
    ];
    for (contract, scenario, expected) in cases {
        let refusal = Files::new("faults", contract, scenario).refusal();
        assert!(refusal.contains(expected), "`{expected}` is not in: {refusal}");
    }
    let drained = format!("{drain}workers: 2\n");
    for (contract, scenario) in [(CONTRACT_TEXT, &upgrade), (CONTRACT_TEXT, &drained), (CONTRACT_TEXT, &restart)] {
        Files::new("faults", contract, scenario).load().unwrap();
    }
}

/// A failure would mean that a step's fault happens to a release at rest, or a disturbance to a call of helm.
#[test]
fn a_fault_stands_where_it_can_happen() {
    for steps in ["[{install: {}}, {fault: migration-fails}]", "[{install: {fault: {pod-killed: web}}}]"] {
        let refusal = Files::new("places", CONTRACT_TEXT, &format!("description: x\nsteps: {steps}\n")).refusal();
        assert!(refusal.contains("cannot stand here"), "{refusal}");
    }
}

/// A failure would mean that a wrong duration is read as another one.
#[test]
fn a_duration_names_its_unit() {
    let with = |timeout: &str| format!("description: x\ntimeout: {timeout}\nsteps: [{{install: {{}}}}]\n");
    let plan = Files::new("time", CONTRACT_TEXT, &with("2m")).load().unwrap();
    assert_eq!(plan.steps[0].timeout_seconds, 120);
    for wrong in ["0s", "5 minutes", "1d"] {
        let refusal = Files::new("time", CONTRACT_TEXT, &with(wrong)).refusal();
        assert!(refusal.contains("is no duration"), "{refusal}");
    }
}

/// A failure would mean that a release's name is refused by helm after the cluster was made.
#[test]
fn a_release_name_that_is_too_long_is_refused() {
    let scenario = format!("description: x\nrelease: {}\nsteps: [{{install: {{}}}}]\n", "r".repeat(54));
    assert!(Files::new("release", CONTRACT_TEXT, &scenario).refusal().contains("54 characters"));
}

/// A failure would mean that a user's own image is not what runs.
#[test]
fn an_image_of_the_users_replaces_the_contracts() {
    let files = Files::new(
        "own-image",
        CONTRACT_TEXT,
        "description: x\nsteps: [{install: {}}, {upgrade: {images: {app: v2}}}]\n",
    );
    let load = |images: &[&str]| {
        let images = images.iter().map(|text| text.parse().unwrap()).collect();
        load(&files.0.join("case.yaml"), &Overrides { images, ..Overrides::default() })
    };
    let plan = load(&["app=registry.example:5000/own/app", "app@v2=registry.example:5000/own/app:next"]).unwrap();
    assert_eq!(plan.values["image"], json!({"repository": "registry.example:5000/own/app", "tag": "1.0"}));
    assert_eq!(plan.steps[1].values["image"]["tag"], "next");
    for wrong in ["apq=own/app:1", "app@v9=own/app:1"] {
        assert!(load(&[wrong]).unwrap_err().is::<Invalid>(), "{wrong}");
    }
    assert!("app".parse::<ImageOverride>().is_err());
}

/// A failure would mean that a scenario runs with other values than the file that it names has.
#[test]
fn a_values_file_is_found_beside_the_scenario() {
    let scenario = "description: x\nvalues-files: [chart/small.yaml]\nsteps: [{install: {}}]\n";
    let files = Files::new("values-files", CONTRACT_TEXT, scenario);
    let refusal = files.refusal();
    let says = ["cannot find the values file `chart/small.yaml`", "--> case.yaml:2:16"];
    assert!(says.iter().all(|text| refusal.contains(text)), "{refusal}");
    std::fs::write(files.0.join("chart/small.yaml"), "replicas: 1\n").unwrap();
    assert!(files.load().unwrap().base_files[0].ends_with("chart/small.yaml"));
}

const UPGRADE: &str = "description: x\nsteps: [{install: {}}, {upgrade: {values: {a: 1}}}, {rollback: {}}]\n";

/// A failure would mean that one chart's evidence is written over another's, or that one scenario is run twice.
#[test]
fn each_scenario_of_a_run_has_a_name_of_its_own() {
    let root = std::env::temp_dir().join(format!("chartgate-names-{}", chartgate_base::random::text(6)));
    let charts = ["api", "web", "other/web"].map(|name| root.join(name));
    for chart in &charts {
        let own = chart.join(CHART_SCENARIOS);
        std::fs::create_dir_all(&own).unwrap();
        std::fs::write(chart.join("Chart.yaml"), "name: x\nversion: 1.0.0\n").unwrap();
        std::fs::write(own.join(CONTRACT), "chart: ../..\n").unwrap();
        std::fs::write(own.join("upgrade.yaml"), "description: x\nsteps: [{install: {}}]\n").unwrap();
    }
    let twice = [&charts[..], &[charts[0].join(CHART_SCENARIOS).join("upgrade.yaml")]].concat();
    let plans = plans(&twice, &Overrides::default());
    std::fs::remove_dir_all(&root).unwrap();
    let names: Vec<_> = plans.unwrap().into_iter().map(|plan| plan.name).collect();
    assert_eq!(names, ["api/upgrade", "web/upgrade", "web/upgrade-2"]);
}

/// A failure would mean that a step is not done as the scenario says, or that a promise of the contract is lost on the way.
#[test]
fn what_a_step_and_a_contract_say_arrives_in_the_plan() {
    let contract = CONTRACT_TEXT.replace("serves: {", "refuses: [admin], serves: {");
    let contract = format!("{contract}routes: {{/api: web}}\ndiscovery: ['{{{{release}}}}-peers']\n");
    let scenario = "
description: x
namespace: {name: istio-system}
steps:
  - install: {without: [migrate]}
  - upgrade: {helm: 4, server-side: auto}
  - rollback: {helm: '4', server-side: false}
";
    let plan = Files::new("arrives", &contract, scenario).load().unwrap();
    assert_eq!((plan.namespace.as_deref(), plan.routes["/api"].as_str()), (Some("istio-system"), "web"));
    assert_eq!(
        (&plan.discovery, &plan.roles["web"].refuses),
        (&vec!["pooler-peers".to_owned()], &vec!["admin".to_owned()])
    );
    assert!(plan.is_absent_in(0, "migrate") && !plan.is_absent_in(1, "migrate"));
    assert_eq!(plan.steps[1].title(), "upgrade by Helm 4");
    let ways: Vec<_> =
        plan.steps.iter().map(|step| step.server_side.map(chartgate_model::plan::ServerSide::flag)).collect();
    assert_eq!(ways, [None, Some("auto"), Some("false")]);
}
