use std::path::PathBuf;

use serde_json::json;

use super::*;
use crate::plan::{Action, Awaited, Backing, Place, Server};
use crate::yaml::{Invalid, Mistakes};

/// A folder with a chart, a contract and one scenario.
pub(super) struct Files(PathBuf);

impl Files {
    pub(super) fn new(name: &str, contract: &str, scenario: &str) -> Self {
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

/// A failure would mean that a chart with chart-testing's values files needs files for chartgate before it can be tried.
#[test]
fn a_chart_without_scenarios_runs_with_its_ci_values() {
    let files = Files::new("ci", CONTRACT_TEXT, "");
    let chart = files.0.join("chart");
    let names = || {
        let plans = plans(&[], &Overrides { chart: Some(chart.clone()), ..Overrides::default() }).unwrap();
        plans.into_iter().map(|plan| (plan.name, plan.base_files.len(), plan.steps.len())).collect::<Vec<_>>()
    };
    let named = |expected: &[(&str, usize, usize)]| {
        let expected: Vec<_> =
            expected.iter().map(|(name, files, steps)| ((*name).to_owned(), *files, *steps)).collect();
        assert_eq!(names(), expected);
    };
    named(&[("pooler/defaults", 0, 7), ("pooler/own-name", 0, 1)]);
    std::fs::create_dir_all(chart.join("ci")).unwrap();
    for name in ["b-values.yaml", "a-values.yaml", "notes.txt"] {
        std::fs::write(chart.join("ci").join(name), "").unwrap();
    }
    named(&[("pooler/a", 1, 7), ("pooler/b", 1, 7), ("pooler/own-name", 1, 1)]);
}

/// A failure would mean that tests which a chart brings are left out, or that a weight is taken for one.
#[test]
fn a_chart_with_tests_of_its_own_is_tested_by_them() {
    let files = Files::new("own-tests", CONTRACT_TEXT, "");
    let chart = files.0.join("chart");
    std::fs::create_dir_all(chart.join("templates/tests")).unwrap();
    let is_tested = |template: &str| {
        std::fs::write(chart.join("templates/tests/pod.yaml"), template).unwrap();
        let overrides = Overrides { chart: Some(chart.clone()), ..Overrides::default() };
        plans(&[], &overrides).unwrap()[0].steps.iter().any(|step| step.action == Action::Test)
    };
    for test in [
        "annotations: {\"helm.sh/hook\": test}",
        "    helm.sh/hook: \"test-success\"\n",
        "helm.sh/hook: post-install,test",
    ] {
        assert!(is_tested(test), "{test}");
    }
    for other in ["helm.sh/hook: pre-install # the latest", "helm.sh/hook-weight: \"5\" # test", "test: true"] {
        assert!(!is_tested(other), "{other}");
    }
}

/// A failure would mean that a part of a release's life is not looked at, or that an upgrade begins with the wrong version.
#[test]
fn a_chart_without_scenarios_goes_through_a_releases_life() {
    let files = Files::new("life", CONTRACT_TEXT, "");
    let chart = Some(files.0.join("chart"));
    let steps = |overrides: &Overrides| {
        let plan = plans(&[], &Overrides { chart: chart.clone(), ..overrides.clone() }).unwrap().remove(0);
        let told = |step: &crate::plan::Step| {
            let version = if step.is_next_version { " next" } else { "" };
            let from = if step.from.is_some() { " earlier" } else { "" };
            format!("{}{}{version}{from}", step.verb(), if step.is_again { " again" } else { "" })
        };
        plan.steps.iter().map(told).collect::<Vec<_>>().join(", ")
    };
    let life = "install, upgrade again, upgrade next, rollback, upgrade next, uninstall, install";
    assert_eq!(steps(&Overrides::default()), life);
    assert_eq!(steps(&Overrides { is_quick: true, ..Overrides::default() }), "install, upgrade next");
    let from = Overrides { from: vec!["previous".to_owned()], ..Overrides::default() };
    let life = "install earlier, upgrade, rollback, upgrade, upgrade again, uninstall, install";
    assert_eq!(steps(&from), life);
}

/// A failure would mean that a chart which cannot be installed by itself starts a cluster first.
#[test]
fn a_library_chart_is_refused() {
    let files = Files::new("library", CONTRACT_TEXT, "description: x\nsteps: [{install: {}}]\n");
    std::fs::write(files.0.join("chart/Chart.yaml"), "name: lib\nversion: 1.0.0\ntype: library\n").unwrap();
    let refusal = files.refusal();
    assert!(refusal.contains("it is a library chart, which cannot be installed\n --> contract.yaml"), "{refusal}");
    assert!(refusal.contains("hint: give a chart that uses it"), "{refusal}");
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
        ("from: previuos", "`previuos` is no version to upgrade from"),
        ("from: previuos", "did you mean `previous`?"),
        ("from: [previous, self]", "`self` stands alone"),
        ("from: {a: b}", "expected a version to upgrade from, or a list of them"),
        ("from: {a: b}", "case.yaml:3"),
        ("from: 'git:'", "names no commit"),
    ];
    for (from, expected) in cases {
        let refusal = Files::new("from", CONTRACT_TEXT, &format!("{UPGRADE}{from}\n")).refusal();
        assert!(refusal.contains(expected), "`{expected}` is not in: {refusal}");
    }
    let useless = "description: x\nsteps: [{install: {}}]\nfrom: previous\n";
    let refusal = Files::new("from", CONTRACT_TEXT, useless).refusal();
    assert!(refusal.starts_with("error: `from` has no effect") && refusal.contains("case.yaml:3:1"), "{refusal}");
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

/// A failure would mean that the harness asks as somebody else than those whom the contract lets ask, or forgets what may stay.
#[test]
fn a_contract_says_who_may_ask_and_what_stays() {
    let network = "network: {from: {namespace: 'edge=yes', pods: 'app=proxy, tier=front'}, ports: [metrics, 9090]}";
    let contract = CONTRACT_TEXT.replace("ready: /readyz", &format!("ready: /readyz, {network}"));
    let contract = format!("{contract}leaves: ['PersistentVolumeClaim/data-{{{{release}}}}-*', Secret]\n");
    let scenario = "description: x\nsteps: [{install: {}}]\n";
    let plan = Files::new("network", &contract, scenario).load().unwrap();
    let network = plan.roles["web"].serves.as_ref().and_then(|serves| serves.network.clone()).unwrap();
    assert_eq!(network.ports, ["metrics", "9090"]);
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let peers = plan.peers().next().unwrap();
    assert_eq!(peers.namespace, [label("edge", "yes")].into());
    assert_eq!(peers.pods, [label("app", "proxy"), label("tier", "front")].into());
    assert_eq!(plan.leaves, ["PersistentVolumeClaim/data-pooler-*", "Secret"]);
}

/// A failure would mean that a contract which the harness cannot keep is found out on the cluster.
#[test]
fn peers_that_the_harness_cannot_be_are_refused() {
    let scenario = "description: x\nsteps: [{install: {}}]\n";
    for (peers, says) in [
        ("namespace: 'kubernetes.io/metadata.name=ingress'", "is the name of one namespace"),
        ("namespace: '', pods: 'app=proxy'", "hint: write `namespace: KEY=VALUE`"),
    ] {
        let serves = format!("ready: /readyz, network: {{from: {{{peers}}}}}");
        let refusal = Files::new("peers", &CONTRACT_TEXT.replace("ready: /readyz", &serves), scenario).refusal();
        assert!(refusal.contains(says), "{refusal}");
    }
    let of = |label: &str| format!("serves: {{port: 1, ready: /, network: {{from: {{namespace: '{label}'}}}}}}");
    let contract = format!(
        "chart: chart\nroles:\n  a: {{select: role=a, {}}}\n  b: {{select: role=b, {}}}\n",
        of("edge=yes"),
        of("edge=no")
    );
    let refusal = Files::new("peers", &contract, scenario).refusal();
    assert!(refusal.contains("the label `edge` is to be `yes` and `no`"), "{refusal}");
}

/// A failure would mean that what a step applies is not what its author wrote, or is awaited for another time.
#[test]
fn applied_objects_come_from_the_step_and_from_a_manifest() {
    let scenario = "
description: x
steps:
  - install: {}
  - apply:
      manifest: store.yaml
      objects: [{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: '{{namespace}}'}}]
      until: [{kind: Store, name: platform, condition: Ready}, {kind: Secret, name: '{{release}}-a', changes: data.A}]
      timeout: 20s
";
    let files = Files::new("apply", CONTRACT_TEXT, scenario);
    let store = "apiVersion: x/v1\nkind: Store\nmetadata: {name: platform}\n";
    std::fs::write(files.0.join("store.yaml"), store).unwrap();
    let plan = files.load().unwrap();
    let Action::Apply { objects, until } = &plan.steps[1].action else { panic!("{:?}", plan.steps[1]) };
    assert_eq!(objects.iter().map(|object| &object["kind"]).collect::<Vec<_>>(), ["Secret", "Store"]);
    let titles: Vec<String> = until.iter().map(Awaited::title).collect();
    assert_eq!(titles, ["Store `platform` is Ready", "`data.A` of Secret `{{release}}-a` changes"]);
    assert_eq!(plan.steps[1].timeout_seconds, 20);
}

/// A failure would mean that a step which can apply nothing, or waits for nothing that could be, is found out on a cluster.
#[test]
fn what_cannot_be_applied_is_refused_at_its_line() {
    let object = "objects: [{apiVersion: v1, kind: Secret, metadata: {name: a}}]";
    let cases = [
        ("{}".to_owned(), "`apply` has no object to apply"),
        ("{manifest: none.yaml}".to_owned(), "cannot read the manifest"),
        ("{objects: [{kind: Secret, metadata: {name: a}}]}".to_owned(), "an object of `apply` has no `apiVersion`"),
        ("{objects: [{apiVersion: v1, kind: Secret}]}".to_owned(), "an object of `apply` has no `metadata.name`"),
        (
            format!("{{{}}}", object.replace("name: a", "name: a, namespace: other")),
            "Secret `a` is in the namespace `other`",
        ),
        (format!("{{{object}, until: [{{kind: Secret, name: a}}]}}"), "is a `condition` or a field that `changes`"),
        (
            format!("{{{object}, until: [{{kind: Secret, name: a, changes: data..A}}]}}"),
            "`data..A` is no path of a field",
        ),
        (format!("{{{object}, untill: []}}"), "did you mean `until`?"),
    ];
    for (apply, expected) in cases {
        let scenario = format!("description: x\nsteps:\n  - install: {{}}\n  - apply: {apply}\n");
        let refusal = Files::new("applies", CONTRACT_TEXT, &scenario).refusal();
        assert!(refusal.contains(expected), "`{expected}` is not in: {refusal}");
    }
}

/// A failure would mean that a user's manifest is run as a scenario, and refused for it.
#[test]
fn a_folder_of_manifests_holds_no_scenario() {
    let files = Files::new("manifests", CONTRACT_TEXT, "description: x\nsteps: [{install: {}}]\n");
    for folder in ["manifests", "more"] {
        std::fs::create_dir(files.0.join(folder)).unwrap();
        std::fs::write(files.0.join(folder).join("store.yaml"), "kind: Store\n").unwrap();
    }
    let found = discover(std::slice::from_ref(&files.0)).unwrap();
    let shown: Vec<_> = found.iter().map(|path| path.strip_prefix(&files.0).unwrap().display().to_string()).collect();
    assert_eq!(shown, ["case.yaml", "more/store.yaml"]);
}

/// A failure would mean that one chart's evidence is written over another's, or that one scenario is run twice.
#[test]
fn each_scenario_of_a_run_has_a_name_of_its_own() {
    let root = std::env::temp_dir().join(format!("chartgate-names-{}", crate::random::text(6)));
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
