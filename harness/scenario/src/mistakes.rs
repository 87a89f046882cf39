//! What a person reads who made a mistake in a file: whole messages, because each of their lines is of use.

//!
//! The messages are the files beside this one, as a terminal shows them. After a change: run the tests with `UPDATE=1`, and read them.

use std::path::Path;

use super::tests::{CONTRACT_TEXT, Files};

/// Checks the whole message for a scenario beside [`CONTRACT_TEXT`].
#[track_caller]
fn check_scenario(name: &str, scenario: &str) {
    check(name, CONTRACT_TEXT, scenario);
}

/// Checks the whole message for a scenario and its contract.
#[track_caller]
fn check(name: &str, contract: &str, scenario: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/mistakes/{name}.txt"));
    let shown = format!("{}\n", Files::new("mistakes", contract, scenario).refusal());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &shown).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(shown == expected, "{name} is shown as\n\n{shown}\nand not as\n\n{expected}");
}

/// A failure would mean that a mis-spelled key is ignored, or refused without a place to look.
#[test]
fn a_misspelled_key() {
    check_scenario("a-misspelled-key", "# A comment.\ndescription: x\nsteps: [{instal: {}}]\n");
}

/// A failure would mean that a person is told of a type of Rust's.
#[test]
fn a_value_of_another_type() {
    check_scenario("a-value-of-another-type", "description: x\nsteps: 3\n");
}

/// A failure would mean that a text which looks like a number is refused, and nobody says how it is written.
#[test]
fn a_number_in_a_texts_place() {
    check_scenario("a-number-in-a-texts-place", "description: x\nimages: {app: 1}\nsteps: [{install: {}}]\n");
}

/// A failure would mean that a person does not learn which key is needed where.
#[test]
fn a_missing_key() {
    check_scenario("a-missing-key", "neighbour: {values: {}}\nsteps: [{install: {}}]\n");
}

/// A failure would mean that a step about a role that is not there is found out on the cluster.
#[test]
fn a_role_that_is_not_there() {
    check_scenario(
        "a-role-that-is-not-there",
        "description: x\nsteps:\n  - install: {}\n  - fault: {pod-killed: wbe}\n",
    );
}

/// A failure would mean that a name in a contract refers to nothing, and nobody says so.
#[test]
fn a_name_in_the_contract_that_refers_to_nothing() {
    let contract = CONTRACT_TEXT.replace("before: [web]", "before: [worker]");
    check("a-name-in-the-contract-that-refers-to-nothing", &contract, "description: x\nsteps: [{install: {}}]\n");
}

/// A failure would mean that an unknown check binds nothing, silently.
#[test]
fn a_check_that_is_not_there() {
    let contract = format!("{CONTRACT_TEXT}checks:\n  - names-uniqe\n");
    let refusal = Files::new("checks", &contract, "description: x\nsteps: [{install: {}}]\n").refusal();
    assert!(refusal.starts_with("error: unknown check `names-uniqe`\n --> contract.yaml:8:5\n"), "{refusal}");
    assert!(refusal.ends_with("= hint: did you mean `names-unique`?"), "{refusal}");
}

/// A failure would mean that a contract is refused from one release to the next, because a check has another name.
#[test]
fn a_checks_old_name_is_known_for_one_more_release() {
    let contract = format!("{CONTRACT_TEXT}checks:\n  - selector-stable\n  - names-uniqe\n");
    let refusal = Files::new("old-name", &contract, "description: x\nsteps: [{install: {}}]\n").refusal();
    assert!(
        refusal.contains("unknown check `names-uniqe`") && !refusal.contains("unknown check `selector-stable`"),
        "{refusal}"
    );
}

/// A failure would mean that a fault which does not exist is waited for, or that the person who meant another is not helped.
#[test]
fn a_fault_that_is_not_there() {
    check_scenario("a-fault-that-is-not-there", "description: x\nsteps: [{fault: {pod-kiled: web}}]\n");
}

/// A failure would mean that a person looks for a unit that is not named.
#[test]
fn a_wrong_duration_and_a_wrong_rate() {
    check_scenario(
        "a-wrong-duration-and-a-wrong-rate",
        "description: x\ntimeout: 5 minutes\ntraffic: {web: 50}\nsteps: [{install: {}}]\n",
    );
}

/// A failure would mean that helm gets another value than the one in the file.
#[test]
fn a_scalar_that_helm_reads_differently() {
    check_scenario(
        "a-scalar-that-helm-reads-differently",
        "description: x\nvalues:\n  enabled: yes\n  mode: 0644\nsteps: [{install: {}}]\n",
    );
}

/// A failure would mean that a mis-spelled template reaches the chart as text, minutes later.
#[test]
fn a_template_that_stands_for_nothing() {
    check_scenario(
        "a-template-that-stands-for-nothing",
        "description: x\nvalues: {url: \"{{postgres.ulr}}\"}\nsteps: [{install: {}}]\n",
    );
}

/// A failure would mean that one of two values is used, and nobody knows which.
#[test]
fn a_key_that_stands_twice() {
    check_scenario("a-key-that-stands-twice", "description: x\nsteps: [{install: {}}]\ndescription: z\n");
}

/// A failure would mean that a person does not find the bracket that was forgotten.
#[test]
fn a_file_that_is_no_yaml() {
    check_scenario("a-file-that-is-no-yaml", "description: x\nsteps: [{install: {}\n");
}

/// A failure would mean that a version to upgrade from is looked for where nobody meant it.
#[test]
fn a_version_that_cannot_be_meant() {
    check_scenario(
        "a-version-that-cannot-be-meant",
        "description: x\nfrom: [previuos]\nsteps: [{install: {}}, {upgrade: {}}]\n",
    );
}

/// A failure would mean that a version gets values which nobody meant for it, or that its image cannot be found.
#[test]
fn a_version_with_values_that_cannot_be_meant() {
    check_scenario(
        "a-version-with-values-that-cannot-be-meant",
        "description: x
from:
  - {chart: previuos, values: {url: \"{{postgres.ulr}}\"}}
  - {chart: ./app-1.tgz, images: {ap: {repository: image}}}
  - {chart: ./app-2.tgz, image: {app: {repository: image}}}
  - {values: {a: 1}}
steps: [{install: {}}, {upgrade: {}}]
",
    );
}

/// A failure would mean that a step is carried out by another helm than the scenario says, or applies in another way.
#[test]
fn a_helm_that_a_step_cannot_have() {
    check_scenario(
        "a-helm-that-a-step-cannot-have",
        "description: x
steps:
  - install: {helm: 2}
  - upgrade: {helm: 4.1}
  - upgrade: {server-side: false}
  - upgrade: {helm: 4, server-side: maybe}
",
    );
}

/// A failure would mean that a chart is blamed for what a scenario changes in a step that it calls the same again.
#[test]
fn a_repeated_upgrade_that_changes_something() {
    check_scenario(
        "a-repeated-upgrade-that-changes-something",
        "description: x
steps:
  - install: {}
  - upgrade: {again: true, images: {app: v2}}
  - upgrade: {images: {app: v2}}
  - upgrade: {again: true}
  - upgrade: {again: true, reuse-values: true}
  - rollback: {to: 1}
  - upgrade: {again: true}
  - upgrade: {values: {replicas: 2}}
  - upgrade: {again: true, values: {replicas: 2}}
  - rollback: {}
  - upgrade: {again: true, values: {replicas: 3}}
",
    );
}

/// A failure would mean that a run takes a namespace which is there in each cluster, or fails minutes later for its name.
#[test]
fn a_namespace_that_cannot_be_made() {
    for (name, says) in [
        ("Istio", "`Istio` is no name for a namespace\n --> case.yaml:2:19"),
        ("kube-system", "`kube-system` is there in each cluster"),
    ] {
        let scenario = format!("description: x\nnamespace: {{name: {name}}}\nsteps: [{{install: {{}}}}]\n");
        let refusal = Files::new("namespace", CONTRACT_TEXT, &scenario).refusal();
        assert!(refusal.contains(says), "`{says}` is not in: {refusal}");
    }
}

/// A failure would mean that a slip in a contract leaves a promise out, silently.
#[test]
fn a_route_and_a_port_that_cannot_be_held() {
    let contract = CONTRACT_TEXT.replace("serves: {", "refuses: [4000, 9000], serves: {");
    let contract = format!("{contract}routes: {{/: wbe, api: web}}\n");
    check(
        "a-route-and-a-port-that-cannot-be-held",
        &contract,
        "description: x\nsteps: [{install: {without: [migrat]}}]\n",
    );
}

/// A failure would mean that a person fixes one mistake after the other, and starts the gate for each of them.
#[test]
fn all_mistakes_of_all_files_at_once() {
    let contract = CONTRACT_TEXT.replace("migrates: postgres", "migrates: mysql");
    let scenario = "description: x
timout: 5m
slow: fast
without: [wrker]
steps:
  - install: {images: {app: v9}}
  - upgrade: {fault: {migration-slow: 20x}}
  - scale: {api: 2}
  - {}
";
    check("all-mistakes-of-all-files-at-once", &contract, scenario);
}

/// A failure would mean that a person changes what is right: a mistake's consequences are no mistakes.
#[test]
fn a_mistake_is_told_without_its_consequences() {
    let contract = CONTRACT_TEXT.replace("roles: {web: {select: role=web, ", "roles: {web: {selct: 3, ");
    check(
        "a-mistake-is-told-without-its-consequences",
        &contract,
        "description: x\ntraffic: {web: 50/s}\nsteps: [{frobnicate: {}}]\n",
    );
}
