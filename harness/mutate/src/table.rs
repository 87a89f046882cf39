//! All operators: each harm with where it was met in public, what may notice it, and what would catch it.

use crate::objects::Objects;
use crate::operator::{access, hook, network, pod, scale, state};

/// A harm that a chart could have.
#[derive(Debug)]
pub struct Operator {
    /// Stable name, as in reports and contracts.
    pub name: &'static str,
    /// What users of such a chart would see.
    pub harm: &'static str,
    /// Where it was met in public.
    pub source: &'static str,
    /// The checks that may notice it.
    pub checks: &'static [&'static str],
    /// What it needs to see of a release.
    pub sees: Sees,
    /// Where it is a harm at all.
    pub counts: Counts,
    /// The line of a scenario or contract that would catch it.
    pub remedy: &'static str,
    change: fn(&mut Objects),
}

/// What an operator needs to see of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sees {
    /// Its objects, which every helm shows to a post-renderer.
    Objects,
    /// Its hooks, which Helm 4 alone does.
    Hooks,
}

/// Where an operator is a harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// In each chart.
    Always,
    /// Where the contract promises the opposite, so that one of its checks applies.
    WherePromised,
}

impl Operator {
    /// Changes objects so that they have the harm; what it does not find stays as it is.
    pub fn change(&self, objects: &mut Objects) {
        (self.change)(objects);
    }
}

/// The operator of a name.
pub fn named(name: &str) -> Option<&'static Operator> {
    OPERATORS.iter().chain([&CANARY]).find(|operator| operator.name == name)
}

const fn of_objects(name: &'static str, harm: &'static str, change: fn(&mut Objects)) -> Operator {
    Operator { name, harm, source: "", checks: &[], sees: Sees::Objects, counts: Counts::Always, remedy: "", change }
}

const fn of_hooks(name: &'static str, harm: &'static str, change: fn(&mut Objects)) -> Operator {
    Operator { sees: Sees::Hooks, ..of_objects(name, harm, change) }
}

/// What must be noticed in each run: where it is not, the mutants do not reach the judge.
pub const CANARY: Operator = Operator {
    checks: &["schema-valid", "release-outcome"],
    ..of_objects("canary", "an object has a field that its kind does not have", |objects| {
        let known = |object: &&mut serde_json::Value| object["spec"].is_object() && object["apiVersion"] == "apps/v1";
        objects.0.iter_mut().filter(known).for_each(|object| object["spec"]["chartgateCanary"] = true.into());
    })
};

const UPGRADE: &str =
    "scenario: `steps: [{install: {}}, {upgrade: {images: {IMAGE: v2}}}]` with two versions in the contract's `images`";
const TRAFFIC: &str = "scenario: `traffic: {ROLE: 50/s}` and an `upgrade`; contract: `roles: {ROLE: {serves: {…}}}`";
const AGAIN: &str = "scenario: a step `upgrade: {again: true}`";
const HOOKS: &str = "contract: `hooks: {NAME: {select: …, events: [pre-install, pre-upgrade], before: [ROLE]}}`; scenario: an `upgrade`";
const ROUTES: &str = "contract: `roles: {ROLE: {select: …, serves: {port: …, ready: /PATH}}}`";
const DRAIN: &str = "scenario: `workers: 2`, `traffic: {ROLE: 50/s}` and a step `fault: node-drained`";
const CHECK: &str = "contract: `checks:` with the name of the check";

/// All of them, by subject.
pub const OPERATORS: &[Operator] = &[
    Operator {
        source: "chatwoot/charts #206, airflow #11979",
        checks: &["hook-order", "hook-once", "role-migrates", "release-outcome"],
        remedy: HOOKS,
        ..of_hooks("hook-after-the-release", "the migration waits for pods that wait for it", hook::after_the_release)
    },
    Operator {
        source: "hatchet-charts #50",
        checks: &["hook-order", "hook-once", "role-migrates"],
        remedy: HOOKS,
        ..of_hooks("hook-removed", "new pods meet a schema that nobody migrated", hook::removed)
    },
    Operator {
        source: "bamf #286",
        checks: &["hook-inputs", "release-outcome"],
        remedy: "scenario: values with which the chart makes what its hook reads",
        ..of_hooks("hook-weights-swapped", "a hook starts before what it needs is made", hook::weights_swapped)
    },
    Operator {
        source: "Helm's documentation, \"Chart Hooks\": hook resources are not managed with the release",
        checks: &["hook-cleanup", "uninstall-clean"],
        remedy: "scenario: an `install`, and `uninstall: {}` after it",
        ..of_hooks(
            "hook-kept-after-success",
            "a hook's objects, also its Secrets, outlive the release",
            hook::kept_after_success,
        )
    },
    Operator {
        source: "helm #8101, lightdash/helm-charts #141",
        checks: &["hook-cleanup", "release-not-stuck", "failed-migration-contained"],
        remedy: "scenario: `upgrade: {fault: client-killed}` and an `upgrade` after it",
        ..of_hooks(
            "hook-kept-before-creation",
            "what a failed hook left is in the way of each upgrade",
            hook::kept_before_creation,
        )
    },
    Operator {
        source: "lightdash/helm-charts #134",
        checks: &["role-migrates"],
        remedy: "contract: `hooks: {NAME: {select: …, migrates: postgres}}`; scenario: an `upgrade` with a new migration",
        ..of_hooks("migration-in-every-pod", "pods race each other's migrations", hook::run_by_every_pod)
    },
    Operator {
        source: "helm/charts #7680",
        checks: &["immutable-fields", "release-outcome"],
        remedy: UPGRADE,
        ..of_objects(
            "selector-with-version",
            "no upgrade succeeds: a selector cannot change",
            state::selected_by_version,
        )
    },
    Operator {
        source: "bitnami/charts #5977, Kong/charts #126",
        checks: &["idempotent-upgrade", "render-stable"],
        remedy: AGAIN,
        ..of_objects("random-pod-label", "each upgrade replaces every pod", pod::labelled_at_random)
    },
    Operator {
        source: "helm #3053",
        checks: &["secrets-stable", "idempotent-upgrade", "render-stable", "config-reaches-pods"],
        remedy: AGAIN,
        ..of_objects("secret-made-anew", "an upgrade changes passwords that others keep", state::made_anew)
    },
    Operator {
        source: "openabdev/openab #247, bjw-s-labs/helm-charts #414",
        checks: &["data-kept", "immutable-fields", "idempotent-upgrade", "render-stable"],
        remedy: AGAIN,
        ..of_objects("claim-renamed", "after an upgrade the data is gone", state::claimed_anew)
    },
    Operator {
        source: "camunda-platform-helm #1652",
        checks: &["references-resolve", "release-outcome"],
        remedy: "scenario: values with which the chart makes its Secret",
        ..of_objects("secret-key-renamed", "pods wait for a key that is not there", state::with_renamed_keys)
    },
    Operator {
        source: "helm #7090, nginx-gateway-fabric #4858",
        checks: &["replicas-kept"],
        remedy: "scenario: values with the autoscaler, and a step `scale: {ROLE: N}` before an `upgrade`",
        ..of_objects(
            "replicas-beside-autoscaler",
            "each upgrade takes away what the load asked for",
            scale::fixed_beside_an_autoscaler,
        )
    },
    Operator {
        source: "frappe/helm #120, redash #132",
        checks: &["role-singleton"],
        counts: Counts::WherePromised,
        remedy: "contract: `roles: {ROLE: {singleton: true}}`",
        ..of_objects("singleton-doubled", "work is done twice", scale::doubled)
    },
    Operator {
        source: "Kubernetes' documentation, \"Deployments\": max unavailable",
        checks: &["upgrade-available", "rollout-can-proceed"],
        remedy: TRAFFIC,
        ..of_objects(
            "surge-and-unavailable-swapped",
            "old pods go before the new ones are ready",
            scale::rolled_the_other_way,
        )
    },
    Operator {
        source: "helm/charts #7127",
        checks: &["rollout-can-proceed", "drain-completes"],
        remedy: DRAIN,
        ..of_objects("budget-allows-nothing", "a node cannot be drained", scale::with_a_budget_of_nothing)
    },
    Operator {
        source: "1Password/connect-helm-charts #240",
        checks: &["selectors-match", "drain-available"],
        remedy: DRAIN,
        ..of_objects("budget-selects-nothing", "a drain takes all pods at once", scale::with_a_budget_for_nobody)
    },
    Operator {
        source: "kestra-io/kestra #18101, mastodon #20691",
        checks: &["references-resolve", "replicas-kept"],
        remedy: "scenario: values with the autoscaler",
        ..of_objects("autoscaler-of-nothing", "nothing is scaled", scale::scaling_another_target)
    },
    Operator {
        source: "lightdash/helm-charts #147, fission #3656",
        checks: &["upgrade-available", "drain-available", "session-continuity"],
        remedy: TRAFFIC,
        ..of_objects("pre-stop-removed", "requests are refused in each rollout", pod::without_pre_stop)
    },
    Operator {
        source: "pgdogdev/helm #97",
        checks: &["grace-covers-drain", "upgrade-available", "session-continuity", "drain-available"],
        remedy: TRAFFIC,
        ..of_objects("grace-below-pre-stop", "pods are killed in the middle of an answer", pod::with_short_grace)
    },
    Operator {
        source: "sockudo #273",
        checks: &["ready", "pods-start", "release-outcome", "health-path", "service-endpoints"],
        remedy: ROUTES,
        ..of_objects("readiness-at-wrong-path", "no pod is ever ready", pod::ready_at_a_wrong_path)
    },
    Operator {
        source: "Kubernetes' documentation, \"Liveness, Readiness, and Startup Probes\"",
        checks: &["health-path", "upgrade-available", "ready"],
        remedy: TRAFFIC,
        ..of_objects("readiness-removed", "requests reach pods that cannot answer yet", pod::without_readiness)
    },
    Operator {
        source: "pmint93/helm-charts #124",
        checks: &["probe-independence"],
        remedy: CHECK,
        ..of_objects("liveness-as-readiness", "a database that is away restarts every pod", pod::alive_as_ready)
    },
    Operator {
        source: "lightdash/helm-charts #134",
        checks: &["role-env", "role-serves", "role-singleton"],
        remedy: "contract: `roles: {ROLE: {env: {NAME: value}}}`",
        ..of_objects("environment-swapped", "a role does another's work", pod::with_anothers_environment)
    },
    Operator {
        source: "opencost #263",
        checks: &["config-rolls-pods", "config-reaches-pods"],
        remedy: "scenario: an `upgrade: {values: {…}}` that changes only what a ConfigMap or Secret holds",
        ..of_objects("checksum-removed", "pods keep an old configuration", pod::without_checksums)
    },
    Operator {
        source: "Kubernetes' documentation, \"Images\": avoid `latest` in production",
        checks: &["image-pinned"],
        remedy: CHECK,
        ..of_objects("image-latest", "a restart brings another version", pod::of_the_latest_image)
    },
    Operator {
        source: "kata-containers #13877",
        checks: &["pods-restricted"],
        remedy: "contract: `checks: [pods-restricted]`; scenario: `namespace: {labels: {pod-security.kubernetes.io/enforce: restricted}}`",
        ..of_objects("security-context-removed", "a guarded namespace refuses the pods", pod::as_root)
    },
    Operator {
        source: "CIS Kubernetes Benchmark: service account tokens only where necessary",
        checks: &["service-account-minimal"],
        remedy: CHECK,
        ..of_objects("token-mounted", "who breaks into a pod may ask the API server", pod::with_a_token)
    },
    Operator {
        source: "vllm-project/semantic-router #2061",
        checks: &["selectors-disjoint", "role-serves", "service-endpoints"],
        remedy: ROUTES,
        ..of_objects("service-selects-everything", "part of the requests is refused", network::selecting_every_workload)
    },
    Operator {
        source: "grafana/grafana-operator #974, helm/charts #21514",
        checks: &["references-resolve", "service-endpoints", "role-serves"],
        remedy: ROUTES,
        ..of_objects(
            "target-port-renamed",
            "a Service leads nowhere, and every pod is ready",
            network::to_a_port_that_is_not_there,
        )
    },
    Operator {
        source: "helm/charts #21514",
        checks: &["references-resolve", "ingress-leads"],
        remedy: "scenario: values with the Ingress; contract: `routes: {/: ROLE}`",
        ..of_objects("route-to-wrong-port", "users get an error page", network::routed_to_a_port_that_is_not_there)
    },
    Operator {
        source: "DandyDeveloper/charts #151",
        checks: &["egress-allows-dns", "network-policy", "release-outcome"],
        remedy: "scenario: values with the NetworkPolicy",
        ..of_objects("egress-without-dns", "pods find no other server", network::without_dns)
    },
    Operator {
        source: "redpanda #12049, zookeeper-operator #361",
        checks: &["references-resolve", "rbac-sufficient"],
        remedy: "scenario: values with the roles and bindings",
        ..of_objects("binding-to-no-role", "pods are refused what they need at run time", access::bound_to_another_role)
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A release that has what each operator changes.
    const SAMPLE: &str = include_str!("sample.yaml");

    /// A failure would mean that an operator counts as one that charts do not have.
    #[test]
    fn every_operator_changes_a_release_that_has_its_subject() {
        let objects = chartgate_yaml::objects(SAMPLE).unwrap();
        for operator in OPERATORS.iter().chain([&CANARY]) {
            assert!(operator.applies_to(&objects), "{} changes nothing", operator.name);
            assert!(!operator.applies_to(&[]), "{}", operator.name);
        }
    }

    /// A failure would mean that under Helm 3, which keeps hooks back, an operator on hooks does something else.
    #[test]
    fn an_operator_on_objects_leaves_hooks_alone() {
        let objects = chartgate_yaml::objects(SAMPLE).unwrap();
        let is_hook = |object: &&serde_json::Value| chartgate_k8s::object::is_hook(object);
        for operator in OPERATORS.iter().filter(|operator| operator.sees == Sees::Objects) {
            let mut changed = Objects(objects.clone());
            operator.change(&mut changed);
            let hooks = |all: &[serde_json::Value]| all.iter().filter(is_hook).cloned().collect::<Vec<_>>();
            assert_eq!(hooks(&changed.0), hooks(&objects), "{}", operator.name);
        }
    }

    /// A failure would mean that helm puts an object into another template's name, or that a report cannot name it.
    #[test]
    fn a_post_renderer_keeps_the_templates_names() {
        let rendered = named("pre-stop-removed").unwrap().post_render(SAMPLE).unwrap();
        assert!(rendered.contains("# Source: shop/templates/web.yaml\n{\"apiVersion\":\"apps/v1\""), "{rendered}");
        assert!(!rendered.contains("preStop"), "{rendered}");
    }

    /// A failure would mean that a contract's line is about two harms.
    #[test]
    fn operators_have_names_of_their_own_and_say_what_they_stand_for() {
        let names: BTreeSet<&str> = OPERATORS.iter().map(|operator| operator.name).collect();
        assert_eq!(names.len(), OPERATORS.len());
        for Operator { name, harm, source, checks, remedy, .. } in OPERATORS {
            assert!(!harm.is_empty() && !source.is_empty() && !checks.is_empty() && !remedy.is_empty(), "{name}");
        }
    }
}
