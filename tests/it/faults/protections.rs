//! Protections of this repository's charts, taken away one by one: what their users then lose in an upgrade, a rollback or a drain is seen.
//! And what a run needs to prove anything, taken away likewise: then it is void.
//!
//! Each is one edit of the chart or the plan; the same scenario without it passes in `e2e`.

use chartgate_judge::Verdict;
use chartgate_model::plan::Expect;
use chartgate_scenario::Overrides;

use super::{first_steps, load};
use crate::support::{self, PatchedChart};

fn without_drain() -> PatchedChart {
    let hook = "lifecycle:\n            preStop:";
    // A hook that does nothing: the pod ends as soon as it is told to.
    let none = "lifecycle:\n            preStop: {exec: {command: [/bin/true]}}\n            {{- if false }}\n            preStop:";
    let chart = PatchedChart::new("codex-pooler", "templates/app.yaml", hook, none);
    let end = "(int $role.drain.delaySeconds) | quote }}\n                  {{- end }}\n{{- end }}";
    chart.replace(
        "templates/app.yaml",
        end,
        &format!("{}\n            {{{{- end }}}}\n{{{{- end }}}}", &end[..end.len() - 10].trim_end()),
    );
    chart
}

/// A failure would mean that a chart whose old pods end before their routes do is released: users are refused at each rollout.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_that_end_at_once_are_caught() {
    let chart = without_drain();
    let mut plan = first_steps(2, "codex-pooler/upgrade-under-traffic", "no-drain", &chart);
    // What is lost is lost within a fraction of a second.
    plan.traffic.values_mut().for_each(|traffic| traffic.rate = 200);
    support::check(&plan, Verdict::Fail, &["upgrade-available"]).await;
}

/// A failure would mean that a chart which stops the old pod before the new one is ready is released.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_rollout_without_surge_is_caught() {
    let surge = "rollingUpdate: {maxUnavailable: 0, maxSurge: {{ $rollout.maxSurge | default 1 }}}";
    let none = "rollingUpdate: {maxUnavailable: 1, maxSurge: 0}";
    let chart = PatchedChart::new("codex-pooler", "templates/app.yaml", surge, none);
    // An application that is ready before the old pod's drain ends would hide it.
    let ready = "httpGet: {path: /readyz, port: http}";
    chart.replace("templates/app.yaml", ready, &format!("{ready}\n            initialDelaySeconds: 20"));
    let plan = first_steps(2, "codex-pooler/upgrade-under-traffic", "no-surge", &chart);
    support::check(&plan, Verdict::Fail, &["upgrade-available"]).await;
}

/// A failure would mean that sessions which are cut in the middle of a message are released as ones that end properly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_are_cut_are_caught() {
    let chart = without_drain();
    let grace = "terminationGracePeriodSeconds: {{ $role.terminationGracePeriodSeconds }}";
    chart.replace("templates/app.yaml", grace, "terminationGracePeriodSeconds: 1");
    // A shell that starts a program does not hand the signal on to it.
    let start = "command: [\"/app/bin/codex_pooler\", \"start\"]";
    chart.replace(
        "templates/app.yaml",
        start,
        "command: [\"/bin/sh\", \"-c\", \"/app/bin/codex_pooler start; exit 1\"]",
    );
    let plan = first_steps(2, "codex-pooler/upgrade-under-traffic", "no-grace", &chart);
    support::check(&plan, Verdict::Fail, &["session-continuity"]).await;
}

/// A failure would mean that new pods roll out although their migration failed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn pods_that_migrate_in_place_of_the_hook_are_caught() {
    let chart =
        PatchedChart::new("codex-pooler", "templates/migrations.yaml", "pre-install,pre-upgrade", "pre-install");
    let start = "command: [\"/app/bin/codex_pooler\", \"start\"]";
    let both = "command: [\"/bin/sh\", \"-c\", \"/app/bin/codex_pooler eval 'CodexPooler.Release.migrate()' && exec /app/bin/codex_pooler start\"]";
    chart.replace("templates/app.yaml", start, both);
    let mut plan = first_steps(2, "codex-pooler/failing-migration", "no-hook", &chart);
    plan.steps[1].expect = Expect::Fails(String::new());
    plan.steps[1].timeout_seconds = 30;
    support::check(&plan, Verdict::Fail, &["failed-migration-contained"]).await;
}

/// A failure would mean that an administrator finds out at night that a node cannot be drained.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_budget_that_allows_no_disruption_is_caught() {
    let (one, none) = ("maxUnavailable: 1", "maxUnavailable: 0");
    let chart = PatchedChart::new("codex-pooler", "templates/poddisruptionbudget.yaml", one, none);
    let mut plan = first_steps(2, "codex-pooler/drain", "no-budget", &chart);
    plan.steps[1].timeout_seconds = 20;
    support::check(&plan, Verdict::Fail, &["drain-completes"]).await;
}

/// A failure would mean that a hook which is only removed when it succeeded blocks every upgrade after a killed client.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_hook_that_a_killed_client_leaves_behind_is_caught() {
    let (policy, leaves) =
        ("helm.sh/hook-delete-policy: before-hook-creation", "helm.sh/hook-delete-policy: hook-succeeded");
    let chart = PatchedChart::new("codex-pooler", "templates/migrations.yaml", policy, leaves);
    let plan = first_steps(4, "codex-pooler/killed-client", "left-hook", &chart);
    support::check(&plan, Verdict::Fail, &["release-not-stuck"]).await;
}

/// A failure would mean that users are refused each time a node is maintained, behind a green gate.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_drain_that_takes_all_pods_at_once_is_caught() {
    let budget = "{{- if and .Values.pdb.enabled";
    let chart =
        PatchedChart::new("mnemom-gateway", "templates/pdb.yaml", budget, "{{- if and false .Values.pdb.enabled");
    let pause = "{{ $values.preStopSleepSeconds | toString | quote }}";
    chart.replace("templates/gateway.yaml", pause, "\"0\"");
    let plan = first_steps(2, "mnemom-gateway/drain", "no-budget-no-pause", &chart);
    support::check(&plan, Verdict::Fail, &["drain-available"]).await;
}

/// A failure would mean that each upgrade takes away the pods which the autoscaler gave, in the middle of the load that asked for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn replicas_beside_an_autoscaler_are_caught() {
    let without = "{{- if not $values.hpa.enabled }}";
    let chart = PatchedChart::new("mnemom-gateway", "templates/gateway.yaml", without, "{{- if true }}");
    let mut plan = first_steps(3, "mnemom-gateway/hpa", "fixed-replicas", &chart);
    // Within the autoscaler's bounds: it has no part in what happens.
    plan.values["replicaCount"] = serde_json::json!(2);
    support::check(&plan, Verdict::Fail, &["replicas-kept"]).await;
}

/// A failure would mean that an upgrade counts as tested although nothing was there to upgrade.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_previous_version_that_does_not_install_is_void() {
    // As charts of old do, of an API that the cluster no longer has.
    let (now, then) = ("apiVersion: apps/v1\n", "apiVersion: apps/v1beta1\n");
    let old = PatchedChart::new("codex-pooler", "templates/oban-worker.yaml", now, then);
    let overrides = Overrides { from: vec![old.path().display().to_string()], ..Overrides::default() };
    let plan = load("codex-pooler/from-previous", "old-version-fails", &overrides);
    support::check(&plan, Verdict::Void, &["previous-version"]).await;
}

/// A failure would mean that a release counts as one that bears a fault which never came.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_fault_that_does_not_strike_is_void() {
    let mut plan = load("codex-pooler/slow-migration", "no-fault", &Overrides::default());
    plan.traffic.clear();
    // The same version again: pods roll, and no migration is left that could be slow.
    plan.steps[1].values = serde_json::json!({"app": {"podAnnotations": {"note": "changed"}}});
    support::check(&plan, Verdict::Void, &["fault-happened"]).await;
}
