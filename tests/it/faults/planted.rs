//! Faults planted in a chart of this repository at run time: the gate is red, and names the check that the fault breaks.
//!
//! Each is one edit of the chart; the same scenario on the chart without it passes in `e2e`.

use chartgate_judge::Verdict;
use chartgate_model::plan::{Action, Plan};
use chartgate_scenario::Overrides;
use rstest::{Context, rstest};

use super::{first_steps, load, on_chart};
use crate::support::{self, PatchedChart};

/// A fault that keeps pods from becoming ready is only known when helm gives up.
const TIMEOUT_SECONDS: u64 = 30;

/// The same where the last step never ends: helm gives up soon. Whatever else is to become ready has its time, on a busy machine too.
fn given_up(mut plan: Plan) -> Plan {
    plan.steps.last_mut().expect("there is a step").timeout_seconds = TIMEOUT_SECONDS;
    plan
}

/// A case's name, and the chart with its fault.
fn planted(context: &Context, file: &str, text: &str, fault: &str) -> (String, PatchedChart) {
    let name = context.description.expect("each case has a name").replace('_', "-");
    (name, PatchedChart::new("codex-pooler", &format!("templates/{file}"), text, fault))
}

/// A failure would mean that a chart with this fault is released. The fault is `text` replaced by `fault` in `file`.
#[rstest]
#[case::worker_as_web("oban-worker.yaml", "value: worker", "value: web", 1, "role-env")]
#[case::listening_worker(
    "oban-worker.yaml",
    "- {name: OBAN_MODE, value: worker}",
    "- {name: OBAN_MODE, value: worker}\n            - {name: PHX_SERVER, value: \"true\"}",
    1,
    "role-serves"
)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[case::another_image(
    "oban-worker.yaml",
    "{{- include \"codex-pooler.container\" $scope | nindent 10 }}",
    "{{- include \"codex-pooler.container\" $scope | replace \":v1\" \":v2\" | nindent 10 }}",
    1,
    "same-image"
)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[case::two_schedulers("oban-scheduler.yaml", "replicas: {{ $role.replicaCount }}", "replicas: 2", 1, "role-singleton")]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[case::hook_in_a_rollback(
    "migrations.yaml",
    "pre-install,pre-upgrade",
    "pre-install,pre-upgrade,pre-rollback",
    3,
    "hook-once"
)]
#[case::version_in_the_selector(
    "_helpers.tpl",
    "app.kubernetes.io/component: {{ .component }}\n{{- end -}}",
    "app.kubernetes.io/component: {{ .component }}\napp.kubernetes.io/version: {{ .root.Values.image.tag }}\n{{- end -}}",
    2,
    "immutable-fields"
)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[case::restart(
    "oban-worker.yaml",
    "command: [\"/app/bin/codex_pooler\", \"start\"]",
    "command: [\"/bin/sh\", \"-c\", \"test -e /tmp/seen || { touch /tmp/seen; exit 1; }; exec /app/bin/codex_pooler start\"]",
    1,
    "no-restarts"
)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caught(
    #[context] context: Context,
    #[case] file: &str,
    #[case] text: &str,
    #[case] fault: &str,
    #[case] steps: usize,
    #[case] check: &str,
) {
    let (name, chart) = planted(&context, file, text, fault);
    support::check(&first_steps(steps, "codex-pooler/single-replica", &name, &chart), Verdict::Fail, &[check]).await;
}

/// A failure would mean that a chart whose release never becomes ready is released, or that its users are not told why.
#[rstest]
#[case::post_install_migration("migrations.yaml", "pre-install,pre-upgrade", "post-install,post-upgrade", "hook-order")]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[case::wrong_readiness_path("app.yaml", "{path: /readyz,", "{path: /ready,", "ready")]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[case::hook_needs_the_charts_account(
    "migrations.yaml",
    "(include \"codex-pooler.migrationsServiceAccountName\" .)",
    "(include \"codex-pooler.serviceAccountName\" .)",
    "hook-inputs"
)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caught_when_helm_gives_up(
    #[context] context: Context,
    #[case] file: &str,
    #[case] text: &str,
    #[case] fault: &str,
    #[case] check: &str,
) {
    let (name, chart) = planted(&context, file, text, fault);
    let mut plan = given_up(first_steps(1, "codex-pooler/single-replica", &name, &chart));
    plan.binding = vec![check.to_owned()];
    support::check(&plan, Verdict::Fail, &[check]).await;
}

/// A failure would mean that a chart which promises a good habit, and has lost it, is released.
#[rstest]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[case::fixed_name(
    "oban-worker.yaml",
    "name: {{ include \"codex-pooler.fullname\" . }}-worker",
    "name: worker",
    "names-unique"
)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[case::writable_root(
    "_helpers.tpl",
    "{{- toYaml .root.Values.securityContext | nindent 2 }}",
    "{readOnlyRootFilesystem: false}",
    "pods-restricted"
)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[case::token(
    "_helpers.tpl",
    "automountServiceAccountToken: false",
    "automountServiceAccountToken: true",
    "service-account-minimal"
)]
#[case::password(
    "_helpers.tpl",
    "- {name: HOME, value: /tmp}",
    "- {name: HOME, value: /tmp}\n- {name: ADMIN_PASSWORD, value: correct-horse-battery}",
    "no-secret-in-plain-sight"
)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[case::liveness_asks_the_database(
    "app.yaml",
    "livenessProbe:\n            httpGet: {path: /healthz,",
    "livenessProbe:\n            httpGet: {path: /readyz,",
    "probe-independence"
)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caught_where_the_contract_asks(
    #[context] context: Context,
    #[case] file: &str,
    #[case] text: &str,
    #[case] fault: &str,
    #[case] check: &str,
) {
    let (name, chart) = planted(&context, file, text, fault);
    let mut plan = first_steps(1, "codex-pooler/single-replica", &name, &chart);
    plan.binding = vec![check.to_owned()];
    support::check(&plan, Verdict::Fail, &[check]).await;
}

/// A failure would mean that a changed Secret reaches no pod until somebody restarts it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_rolls_no_pod_is_caught() {
    let checksum = "set $annotations \"checksum/secret\" (.root.Values.secrets.data | toJson | sha256sum)";
    let chart =
        PatchedChart::new("codex-pooler", "templates/_helpers.tpl", checksum, "set $annotations \"note\" \"none\"");
    let mut plan = first_steps(2, "codex-pooler/created-secret", "no-checksum", &chart);
    plan.steps[1].values = serde_json::json!({"secrets": {"data": {"totp-key-version": "2"}}});
    support::check(&plan, Verdict::Fail, &["config-rolls-pods"]).await;
}

/// A failure would mean that users find out in an incident that there is no way back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_version_that_refuses_what_the_newer_one_left_is_caught() {
    // What v2 leaves behind is a ConfigMap that outlives it; v1 reads it and never becomes ready again.
    let port = "- {name: PORT, value: \"4000\"}";
    let newer = "- {name: PORT, value: \"4000\"}\n            {{- if eq .Values.image.tag \"v2\" }}\n            - {name: STANDIN_VERSION, value: v2}\n            {{- end }}";
    let chart = PatchedChart::new("codex-pooler", "templates/app.yaml", port, newer);
    let left = "{{- if eq .Values.image.tag \"v2\" }}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-left\n  annotations: {helm.sh/resource-policy: keep}\ndata: {STANDIN_VERSION: broken-unready}\n{{- end }}\n";
    chart.append("templates/app.yaml", left);
    let mut plan = first_steps(3, "codex-pooler/single-replica", "no-way-back", &chart);
    plan.values["extraEnvFrom"] =
        serde_json::json!([{"configMapRef": {"name": "codex-pooler-left", "optional": true}}]);
    support::check(&given_up(plan), Verdict::Fail, &["rollback-serves"]).await;
}

/// A failure would mean that pods of the newer version live on after a rollback that helm calls a success.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_that_leaves_pods_behind_is_caught() {
    let file = "templates/oban-worker.yaml";
    let chart = PatchedChart::new("codex-pooler", file, "kind: Deployment", "kind: StatefulSet");
    let strategy = "  strategy:\n    type: RollingUpdate\n    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}";
    let stays = "  serviceName: none\n  updateStrategy: {type: {{ eq .Values.image.tag \"v2\" | ternary \"RollingUpdate\" \"OnDelete\" }}}";
    chart.replace(file, strategy, stays);
    let plan = first_steps(3, "codex-pooler/single-replica", "pods-left-behind", &chart);
    support::check(&plan, Verdict::Fail, &["rollback-restored"]).await;
}

/// A failure would mean that users who rolled back once can never upgrade again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn an_upgrade_that_fails_after_a_rollback_is_caught() {
    let mark = "{{- if eq .Values.image.tag \"v2\" }}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-mark\n  annotations: {helm.sh/resource-policy: keep}\n{{- end }}\n";
    let port = "- {name: PORT, value: \"4000\"}";
    let again = "- {name: PORT, value: \"4000\"}\n            {{- if lookup \"v1\" \"ConfigMap\" .Release.Namespace (printf \"%s-mark\" .Release.Name) }}\n            - {name: STANDIN_VERSION, value: broken-unready}\n            {{- end }}";
    let chart = PatchedChart::new("codex-pooler", "templates/app.yaml", port, again);
    chart.append("templates/app.yaml", mark);
    let mut plan = first_steps(3, "codex-pooler/single-replica", "no-way-forward", &chart);
    plan.steps.push(plan.steps[1].clone());
    support::check(&given_up(plan), Verdict::Fail, &["upgrade-after-rollback"]).await;
}

/// A failure would mean that a mis-spelled value is ignored, and nobody told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_schema_that_lets_unknown_values_pass_is_caught() {
    let chart = PatchedChart::new(
        "codex-pooler",
        "values.schema.json",
        "\"additionalProperties\": false",
        "\"additionalProperties\": true",
    );
    let plan = first_steps(1, "codex-pooler/unknown-value-refused", "open-schema", &chart);
    support::check(&plan, Verdict::Fail, &["release-outcome"]).await;
}

/// A failure would mean that a refusal which does not name the mistake counts as one that helps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_refusal_without_its_reason_is_caught() {
    let says = "app.replicaCount is %d, but a websocket session lives in one pod: set %s, or keep app.replicaCount=1\" (int $app.replicaCount) (join \" and \" $missing)";
    let chart = PatchedChart::new("codex-pooler", "templates/_helpers.tpl", says, "no\"");
    let plan = first_steps(1, "codex-pooler/unsafe-multi-replica-refused", "no-reason", &chart);
    support::check(&plan, Verdict::Fail, &["schema-rejects"]).await;
}

/// A failure would mean that pods which migrate by themselves are released as pods that do not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_migrates_where_migrations_are_off_is_caught() {
    let start = "command: [\"/app/bin/codex_pooler\", \"start\"]";
    let both = "command: [\"/bin/sh\", \"-c\", \"/app/bin/codex_pooler eval 'CodexPooler.Release.migrate()'; exec /app/bin/codex_pooler start\"]";
    let chart = PatchedChart::new("codex-pooler", "templates/oban-worker.yaml", start, both);
    let mut plan = first_steps(2, "codex-pooler/migrations-disabled", "role-leak", &chart);
    plan.steps.remove(0);
    support::check(&plan, Verdict::Fail, &["role-migrates"]).await;
}

/// A failure would mean that sessions which cannot be reached through another pod are released as ones that can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_topology_without_forwarding_is_caught() {
    let chart = PatchedChart::new(
        "codex-pooler",
        "templates/app.yaml",
        "{name: CODEX_POOLER_WEBSOCKET_OWNER_FORWARDING, value: \"true\"}",
        "{name: CODEX_POOLER_WEBSOCKET_OWNER_FORWARDING, value: \"false\"}",
    );
    let plan = first_steps(1, "codex-pooler/multi-replica-owner-forwarding", "no-forwarding", &chart);
    support::check(&plan, Verdict::Fail, &["session-shared"]).await;
}

/// A failure would mean that two releases in a namespace share objects behind a green gate.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_fixed_name_is_caught() {
    let derived = "name: {{ include \"codex-pooler.fullname\" . }}-worker";
    let chart = PatchedChart::new("codex-pooler", "templates/oban-worker.yaml", derived, "name: worker");
    let plan = first_steps(1, "codex-pooler/two-releases", "name-of-both-releases", &chart);
    support::check(&plan, Verdict::Fail, &["release-outcome"]).await;
}

/// A failure would mean that a Secret which changes with each upgrade, or whose change reaches no pod, is released.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it, beside the mutant `secret-made-anew`, which says the same: `make test ALL=1`"]
async fn a_regenerated_secret_is_caught() {
    let kept = "  {{ $key }}: {{ . | b64enc }}";
    let chart = PatchedChart::new(
        "codex-pooler",
        "templates/secret.yaml",
        kept,
        "  {{ $key }}: {{ (eq $key \"secret-key-base\") | ternary (randAlphaNum 64) . | b64enc }}",
    );
    let plan = first_steps(2, "codex-pooler/created-secret", "regenerated-secret", &chart);
    support::check(&plan, Verdict::Fail, &["secrets-stable"]).await;
}

/// A failure would mean that an upgrade which changes nothing counts as an upgrade that works.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_that_changes_nothing_is_void() {
    let mut plan = load("codex-pooler/single-replica", "nothing-changed", &Overrides::default());
    plan.steps.truncate(2);
    plan.steps[1].values = serde_json::json!({});
    support::check(&plan, Verdict::Void, &[]).await;
}

/// A failure would mean that a promised path which answers something else is released.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_path_that_does_not_answer_as_promised_is_caught() {
    let mut plan = load("codex-pooler/single-replica", "broken-promise", &Overrides::default());
    plan.steps.truncate(1);
    let serves = plan.roles.get_mut("app").and_then(|role| role.serves.as_mut()).expect("the role serves");
    serves.paths[1].body = Some("something else".to_owned());
    support::check(&plan, Verdict::Fail, &["health-path"]).await;
}

/// A failure would mean that a new value which users of the previous version do not have breaks their `--reuse-values`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_new_value_that_reused_values_lack_is_caught() {
    let (guarded, unguarded) = ("$rollout.minReadySeconds | default 0", "$role.rollout.minReadySeconds");
    let chart = PatchedChart::new("codex-pooler", "templates/app.yaml", guarded, unguarded);
    let plan = first_steps(2, "codex-pooler/reuse-values-from-previous", "nil-value", &chart);
    support::check(&plan, Verdict::Fail, &["renders", "release-outcome"]).await;
}

/// A failure would mean that a release of which a guarded namespace admits no pod counts as one that works there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_pod_that_the_namespace_refuses_is_caught() {
    let restricted = "{{- toYaml .root.Values.securityContext | nindent 2 }}";
    let chart =
        PatchedChart::new("codex-pooler", "templates/_helpers.tpl", restricted, "{allowPrivilegeEscalation: true}");
    let mut plan = first_steps(1, "codex-pooler/single-replica", "refused-pod", &chart);
    plan.namespace_labels.insert("pod-security.kubernetes.io/enforce".to_owned(), "restricted".to_owned());
    support::check(&given_up(plan), Verdict::Fail, &["release-outcome"]).await;
}

/// A failure would mean that users of a host get an error page, though every pod is ready.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ingress_to_a_port_that_is_not_there_is_caught() {
    let (named, other) = ("port: {name: http}", "port: {name: https}");
    let chart = PatchedChart::new("starter", "templates/ingress.yaml", named, other);
    let mut plan = on_chart("starter/api-host", "ingress-to-nowhere", &chart);
    plan.steps.truncate(1);
    support::check(&plan, Verdict::Fail, &["ingress-leads"]).await;
}

/// A failure would mean that a Secret with passwords outlives the release that brought it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it, beside the mutant `hook-kept-after-success`, which says the same: `make test ALL=1`"]
async fn a_hooks_secret_that_outlives_the_release_is_caught() {
    let (gone, kept) = ("before-hook-creation,hook-succeeded", "before-hook-creation");
    let chart = PatchedChart::new("starter", "templates/secrets.yaml", gone, kept);
    let mut plan = on_chart("starter/static-secrets", "secret-left-behind", &chart);
    plan.steps.retain(|step| matches!(step.action, Action::Install | Action::Uninstall));
    support::check(&plan, Verdict::Fail, &["uninstall-clean"]).await;
}
