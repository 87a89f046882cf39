//! Faults that real charts had, planted in charts that are not ours: each is found without a contract, by the check that is meant for it.
//! The same charts without the fault pass in `strangers`.

use chartgate_judge::Verdict;
use chartgate_model::plan::Plan;
use chartgate_scenario::Overrides;

use crate::support::{self, strangers::Stranger};

/// What a user runs who has nothing but the chart; `fault` names the folder of its evidence.
fn plan(stranger: &Stranger, fault: &str) -> Plan {
    stranger.plan(&format!("stranger-faults/{fault}"))
}

/// The same, where a step is to end by its time limit.
fn hasty(stranger: &Stranger, fault: &str) -> Plan {
    let mut plan = plan(stranger, fault);
    plan.steps.iter_mut().for_each(|step| step.timeout_seconds = 25);
    plan
}

/// A failure would mean that a chart whose next version is refused by Kubernetes is released.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_version_in_a_selector_is_caught() {
    let own = "app.kubernetes.io/instance: {{ .Release.Name }}\n{{- end -}}";
    let versioned = "app.kubernetes.io/instance: {{ .Release.Name }}\napp.kubernetes.io/version: {{ .Chart.AppVersion | quote }}\n{{- end -}}";
    let stranger = Stranger::new("queue").with("templates/_helpers.tpl", own, versioned);
    support::check(&plan(&stranger, "version-in-a-selector"), Verdict::Fail, &["immutable-fields"]).await;
}

/// A failure would mean that a chart whose upgrade locks its users out of their data is released.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_password_that_each_upgrade_makes_anew_is_caught() {
    let found = "lookup \"v1\" \"Secret\" .Release.Namespace (include \"generated.fullname\" .)";
    let stranger = Stranger::new("generated").with("templates/_helpers.tpl", found, "dict");
    support::check(&plan(&stranger, "password-that-each-upgrade-makes-anew"), Verdict::Fail, &["secrets-stable"]).await;
}

/// A failure would mean that a chart which is scaled down by each upgrade, in the middle of its load, is released.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_size_beside_an_autoscaler_is_caught() {
    let (free, fixed) = ("{{- if not .Values.autoscaling.enabled }}", "{{- if true }}");
    let stranger = Stranger::new("generated").with("templates/app.yaml", free, fixed);
    let mut plan = plan(&stranger, "size-beside-an-autoscaler");
    // Where the contract names the check, its advice fails.
    plan.binding.push("replicas-kept".to_owned());
    support::check(&plan, Verdict::Fail, &["replicas-kept"]).await;
}

/// A failure would mean that a configuration which changes in the cluster only, behind a Secret that is rendered anew each time, is
/// taken for one that stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_changed_configuration_that_no_pod_reads_is_caught() {
    let (same, changing) = ("greeting: hello", "greeting: hello for the {{ .Release.Revision }}. time");
    let stranger = Stranger::new("generated").with("templates/config.yaml", same, changing);
    support::check(&plan(&stranger, "changed-configuration-that-no-pod-reads"), Verdict::Fail, &["config-rolls-pods"])
        .await;
}

/// A failure would mean that users who change a value see nothing of it, because the chart lost its checksum.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_new_versions_configuration_that_no_pod_reads_is_caught() {
    let checksum = "checksum/config: {{ include (print $.Template.BasePath \"/configmap.yaml\") . | sha256sum }}";
    let old = Stranger::new("agent").with("values.yaml", "interval: 5", "interval: 7");
    std::fs::remove_dir_all(old.path().join("ci")).expect("the copy can be changed");
    let new = Stranger::new("agent").with("templates/daemonset.yaml", checksum, "checked: \"no\"");
    std::fs::remove_dir_all(new.path().join("ci")).expect("the copy can be changed");
    let old = old.with("templates/daemonset.yaml", checksum, "checked: \"no\"");
    let from = |overrides: &mut Overrides| overrides.from = vec![old.path().display().to_string()];
    let plan = new.plans("stranger-faults/new-versions-configuration-that-no-pod-reads", from).remove(0);
    support::check(&plan, Verdict::Fail, &["config-rolls-pods"]).await;
}

/// A failure would mean that a hook whose account stays behind breaks the second upgrade of every user.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_hooks_account_that_stays_behind_is_caught() {
    let policy = "\"helm.sh/hook-weight\": \"-20\"\n    \"helm.sh/hook-delete-policy\": before-hook-creation";
    let none = policy.replace("before-hook-creation", "hook-failed");
    let stranger = Stranger::new("hooked").with("templates/before.yaml", policy, &none);
    support::check(
        &plan(&stranger, "hooks-account-that-stays-behind"),
        Verdict::Fail,
        &["hook-cleanup", "release-outcome"],
    )
    .await;
}

/// A failure would mean that a chart which patches a Job that has run already is released.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_plain_job_that_an_upgrade_changes_is_caught() {
    let (same, changing) = ("echo working", "echo working on {{ .Release.Revision }}");
    let stranger = Stranger::new("batch").with("templates/jobs.yaml", same, changing);
    support::check(
        &plan(&stranger, "plain-job-that-an-upgrade-changes"),
        Verdict::Fail,
        &["immutable-fields", "release-outcome"],
    )
    .await;
}

/// A failure would mean that a job which never ends well is taken for one that is done, because helm waits for no Job.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_job_that_fails_is_caught() {
    let (good, bad) = ("restartPolicy: OnFailure", "restartPolicy: Never");
    let stranger = Stranger::new("batch").with("templates/jobs.yaml", good, bad);
    let stranger =
        stranger.with("templates/jobs.yaml", "  template:\n    spec: ", "  backoffLimit: 0\n  template:\n    spec: ");
    let stranger = stranger.with("templates/jobs.yaml", "echo working", "exit 3");
    support::check(&plan(&stranger, "plain-job-that-fails"), Verdict::Fail, &["ready"]).await;
}

/// A failure would mean that a probe of a path which the application does not know is released.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_wrong_path_of_a_probe_is_caught() {
    let (right, wrong) = ("path: /index.html", "path: /healthz");
    let stranger = Stranger::new("queue").with("templates/statefulset.yaml", right, wrong);
    support::check(&hasty(&stranger, "wrong-path-of-a-probe"), Verdict::Fail, &["ready"]).await;
}

/// A failure would mean that a probe of a port on which nobody listens is released.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_wrong_port_of_a_probe_is_caught() {
    let (right, wrong) = ("httpGet: {path: /, port: 8080}", "httpGet: {path: /, port: 8081}");
    let stranger = Stranger::new("bare").with("templates/everything.yaml", right, wrong);
    support::check(&hasty(&stranger, "wrong-port-of-a-probe"), Verdict::Fail, &["ready"]).await;
}

/// A failure would mean that a chart whose first install hangs for every new user is released.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_hook_that_needs_what_is_made_later_is_caught() {
    let hook = "\"helm.sh/hook\": pre-install,pre-upgrade\n    \"helm.sh/hook-weight\": \"-20\"\n    \"helm.sh/hook-delete-policy\": before-hook-creation";
    let stranger = Stranger::new("hooked").with("templates/before.yaml", hook, "description: made with the release");
    support::check(&hasty(&stranger, "hook-that-needs-what-is-made-later"), Verdict::Fail, &["hook-inputs"]).await;
}

/// A failure would mean that a chart whose hook has a weight too low for what it needs is released.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_runs_before_its_own_settings_is_caught() {
    let stranger = Stranger::new("hooked").with("templates/before.yaml", "\"-15\"", "\"5\"");
    support::check(&hasty(&stranger, "hook-that-runs-before-its-own-settings"), Verdict::Fail, &["hook-inputs"]).await;
}

/// A failure would mean that pods which wait for a hook that waits for them are released: `--wait` never ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn pods_that_wait_for_a_hook_after_them_are_caught() {
    let (before, after) = (
        "pre-install,pre-upgrade\n    \"helm.sh/hook-weight\": \"-15\"",
        "post-install\n    \"helm.sh/hook-weight\": \"-15\"",
    );
    let stranger = Stranger::new("hooked").with("templates/before.yaml", before, after);
    let own = "configMapKeyRef: {name: {{ .Release.Name }}, key: MODE}";
    let hooks = "configMapKeyRef: {name: {{ .Release.Name }}-hooks, key: MODE}";
    let stranger = stranger.with("templates/web.yaml", own, hooks);
    let jobs = "\"settings\" (print .Release.Name \"-hooks\")";
    let none = "\"settings\" \"kube-root-ca.crt\"";
    let stranger = stranger.with("templates/before.yaml", jobs, none).with(
        "templates/before.yaml",
        "test \\\"$MODE\\\" = fast && ",
        "",
    );
    support::check(&hasty(&stranger, "pods-that-wait-for-a-hook-after-them"), Verdict::Fail, &["ready"]).await;
}

/// A failure would mean that an upgrade which fails for existing users alone is released: they keep their values with `--reuse-values`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_value_that_existing_users_lack_is_caught() {
    let old = Stranger::new("queue").with("values.yaml", "budget:\n  maxUnavailable: 1\n", "");
    let old = old.with("templates/pdb.yaml", "{{ .Values.budget.maxUnavailable }}", "1");
    let new = Stranger::new("queue");
    let scenario = new.path().join("ci/chartgate/reuse-values.yaml");
    std::fs::create_dir_all(scenario.parent().expect("it is in a folder")).expect("the copy can be changed");
    let steps = "steps: [{install: {}}, {upgrade: {reuse-values: true}}]";
    let text =
        format!("description: Users who keep their values can upgrade.\nfrom: {}\n{steps}\n", old.path().display());
    std::fs::write(&scenario, text).expect("the copy can be changed");
    let plan = plan(&new, "value-that-existing-users-lack");
    support::check(&plan, Verdict::Fail, &["renders"]).await;
}

/// A failure would mean that nobody learns why a second release of the chart collides with the first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn names_that_all_releases_share_are_advised_against() {
    let has_advice = async |name: &str| {
        let scenario = support::run(&plan(&Stranger::new(name), "names-that-all-releases-share")).await;
        let finding =
            scenario.checks.into_iter().find(|finding| finding.check == "names-unique").expect("it is judged");
        (scenario.verdict, finding.verdict)
    };
    let (bare, agent) = tokio::join!(has_advice("bare"), has_advice("hooked"));
    assert_eq!((bare, agent), ((Verdict::Pass, Verdict::Advice), (Verdict::Pass, Verdict::Pass)));
}
