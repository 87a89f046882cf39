//! Charts without scenario files.

use super::*;

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
        let told = |step: &chartgate_model::plan::Step| {
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
