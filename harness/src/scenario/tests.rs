use std::path::PathBuf;

use serde_json::json;

use super::*;
use crate::plan::{Backing, Place, Server};
use crate::yaml::Invalid;

/// A folder with a chart, a contract and one scenario.
struct Files(PathBuf);

impl Files {
    fn new(name: &str, contract: &str, scenario: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("chartgate-{name}-{}", crate::random::text(6)));
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
    fn refusal(&self) -> String {
        let error = self.load().unwrap_err();
        assert!(error.is::<Invalid>(), "exit code 2 is for mistakes in files: {error:?}");
        error.to_string().replace(&format!("{}/", self.0.display()), "")
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

const CONTRACT_TEXT: &str = "
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
            "contract.yaml:6: unknown role `wbe`",
        ),
        (CONTRACT_TEXT.replace("[pre-upgrade]", "[pre-upgarde]"), plain.to_owned(), "did you mean `pre-upgrade`?"),
        (CONTRACT_TEXT.replace("migrates: postgres", "migrates: mysql"), plain.to_owned(), "known are `postgres`"),
        (CONTRACT_TEXT.to_owned(), plain.replace("{}", "{images: {app: v3}}"), "case.yaml:2: unknown version `v3`"),
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
    assert!(refusal.starts_with("case.yaml:2:") && refusal.contains("did you mean `install`?"), "{refusal}");
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

/// A failure would mean that a chart with chart-testing's values files needs files of ours before it can be tried.
#[test]
fn a_chart_without_scenarios_runs_with_its_ci_values() {
    let files = Files::new("ci", CONTRACT_TEXT, "");
    let chart = files.0.join("chart");
    let names = || {
        let plans = plans(&[], &Overrides { chart: Some(chart.clone()), ..Overrides::default() }).unwrap();
        plans.into_iter().map(|plan| (plan.name, plan.values_files.len(), plan.steps.len())).collect::<Vec<_>>()
    };
    assert_eq!(names(), [("pooler/defaults".to_owned(), 0, 2)]);
    std::fs::create_dir_all(chart.join("ci")).unwrap();
    for name in ["b-values.yaml", "a-values.yaml", "notes.txt"] {
        std::fs::write(chart.join("ci").join(name), "").unwrap();
    }
    assert_eq!(names(), [("pooler/a".to_owned(), 1, 2), ("pooler/b".to_owned(), 1, 2)]);
}

/// A failure would mean that a server which a contract describes is another one in a run, or none.
#[test]
fn servers_are_known_by_name_or_described() {
    let servers = "backing: {postgres: {}, cache: {kind: redis}, kafka: {image: 'kafka:4', env: {A: b}, port: 9092, ready: started}}";
    let contract = CONTRACT_TEXT.replace("backing: {postgres: {}}", servers);
    let plan = Files::new("servers", &contract, "{description: x, steps: [{install: {}}]}").load().unwrap();
    let env = BTreeMap::from([("A".to_owned(), "b".to_owned())]);
    let kafka = Server { image: "kafka:4".to_owned(), env, port: 9092, ready: "started".to_owned() };
    assert_eq!(
        plan.backing,
        BTreeMap::from([
            ("cache".to_owned(), Backing::Redis),
            ("kafka".to_owned(), Backing::Server(kafka)),
            ("postgres".to_owned(), Backing::Postgres),
        ])
    );
}

/// A failure would mean that a run waits for a port or a line that nobody named, or watches the schema of a cache.
#[test]
fn a_server_that_is_half_described_is_refused() {
    for (servers, said) in [
        ("{postgres: {}, kafka: {image: 'kafka:4', port: 9092}}", "`kafka` is not described"),
        ("{postgres: {port: 5432}}", "`postgres` is not described"),
        ("{postgres: {}, kafka: {}}", "known are `postgres`, `redis`"),
        ("{postgres: {kind: redis}}", "unknown database `postgres`"),
    ] {
        let contract = CONTRACT_TEXT.replace("{postgres: {}}", servers);
        let refusal = Files::new("half", &contract, "{description: x, steps: [{install: {}}]}").refusal();
        assert!(refusal.contains(said), "`{servers}` was answered with `{refusal}`");
    }
}

const UPGRADE: &str = "description: x\nsteps: [{install: {}}, {upgrade: {values: {a: 1}}}, {rollback: {}}]\n";

/// A failure would mean that an upgrade starts from another version than the scenario says.
#[test]
fn a_release_begins_with_the_versions_that_it_is_upgraded_from() {
    let origins = |from: &str| {
        let plan = Files::new("from", CONTRACT_TEXT, &format!("{UPGRADE}{from}\n")).load().unwrap();
        let steps: Vec<_> = plan.steps.iter().map(|step| (step.verb(), step.from)).collect();
        (plan.from.into_iter().map(|origin| origin.place).collect::<Vec<_>>(), steps)
    };
    let rest = [("upgrade", None), ("rollback", None)];
    let (places, steps) = origins("from: previous");
    assert_eq!(places, [Place::Previous]);
    assert_eq!(steps, [[("install", Some(0))].as_slice(), &rest].concat());
    let (places, steps) = origins("from: ['git:v1', 'oci://example.com/pooler:2.0.0']");
    assert_eq!(places, [Place::Git("v1".to_owned()), Place::Registry("oci://example.com/pooler:2.0.0".to_owned())]);
    assert_eq!(steps, [[("install", Some(0)), ("upgrade", Some(1))].as_slice(), &rest].concat());
    let (places, steps) = origins("from: self");
    assert!(places.is_empty() && steps[0] == ("install", None), "{places:?} {steps:?}");
}

/// A failure would mean that a mistake in a version is found on the cluster, or taken for a version.
#[test]
fn a_version_that_cannot_be_meant_is_refused_with_its_line() {
    let cases = [
        ("from: previuos", "case.yaml:3: `previuos` is no version to upgrade from"),
        ("from: previuos", "did you mean `previous`?"),
        ("from: [previous, self]", "case.yaml:3: `self` stands alone"),
        ("from: {a: b}", "expected a version to upgrade from, or a list of them"),
        ("from: {a: b}", "case.yaml:3"),
        ("from: 'git:'", "names no commit"),
    ];
    for (from, expected) in cases {
        let refusal = Files::new("from", CONTRACT_TEXT, &format!("{UPGRADE}{from}\n")).refusal();
        assert!(refusal.contains(expected), "`{expected}` is not in: {refusal}");
    }
    let useless = "description: x\nsteps: [{install: {}}]\nfrom: previous\n";
    assert!(Files::new("from", CONTRACT_TEXT, useless).refusal().starts_with("case.yaml:3: `from` has no effect"));
    let install = "description: x\nsteps: [{install: {reuse-values: true}}]\n";
    assert!(Files::new("from", CONTRACT_TEXT, install).refusal().contains("only an upgrade has values to reuse"));
}

/// A failure would mean that `--from` leaves a scenario on its own version, or breaks one that upgrades nothing.
#[test]
fn the_users_version_is_upgraded_from_wherever_something_is_upgraded() {
    let begins = |scenario: &str, from: &[&str]| {
        let files = Files::new("users-from", CONTRACT_TEXT, scenario);
        let from = from.iter().map(|text| (*text).to_owned()).collect();
        let plan = load(&files.0.join("case.yaml"), &Overrides { from, ..Overrides::default() }).unwrap();
        (plan.from.len(), plan.steps.iter().map(|step| step.from).collect::<Vec<_>>())
    };
    let scenario = format!("{UPGRADE}from: previous\n");
    assert_eq!(begins(&scenario, &["git:v1", "git:v2"]), (2, vec![Some(0), Some(1), None, None]));
    assert_eq!(begins(&scenario, &["self"]), (0, vec![None, None, None]));
    assert_eq!(begins("description: x\nsteps: [{install: {}}]\n", &["previous"]), (0, vec![None]));
}
