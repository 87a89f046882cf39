//! What may appear beside the rendered objects once the release runs: what is not rendered need not be missing.

use serde_json::Value;

use super::{Manifest, annotation, group, is_custom, is_kind, texts, title, title_of};
use chartgate_k8s::object::{items, kind, name, text};

/// Custom resources that make none of what the checks look for; no kind: all of the group.
const INERT: [(&str, &[&str]); 22] = [
    (
        "monitoring.coreos.com",
        &["ServiceMonitor", "PodMonitor", "PrometheusRule", "Probe", "ScrapeConfig", "AlertmanagerConfig"],
    ),
    (
        "operator.victoriametrics.com",
        &["VMServiceScrape", "VMPodScrape", "VMRule", "VMProbe", "VMNodeScrape", "VMStaticScrape"],
    ),
    (
        "gateway.networking.k8s.io",
        &[
            "HTTPRoute",
            "GRPCRoute",
            "TCPRoute",
            "TLSRoute",
            "UDPRoute",
            "ReferenceGrant",
            "BackendTLSPolicy",
            "GatewayClass",
        ],
    ),
    ("networking.istio.io", &[]),
    ("security.istio.io", &[]),
    ("telemetry.istio.io", &[]),
    ("policy.linkerd.io", &[]),
    ("linkerd.io", &[]),
    ("traefik.io", &[]),
    ("traefik.containo.us", &[]),
    ("projectcontour.io", &[]),
    ("getambassador.io", &[]),
    ("configuration.konghq.com", &[]),
    ("autoscaling.k8s.io", &[]),
    ("keda.sh", &[]),
    ("cilium.io", &[]),
    ("crd.projectcalico.org", &[]),
    ("projectcalico.org", &[]),
    ("route.openshift.io", &[]),
    ("security.openshift.io", &[]),
    ("snapshot.storage.k8s.io", &[]),
    ("cloud.google.com", &[]),
];

/// Custom resources that make a Secret whose name they hold.
const NAMES_ITS_SECRET: [(&str, &[&str]); 7] = [
    ("cert-manager.io", &["Certificate", "Issuer", "ClusterIssuer"]),
    ("external-secrets.io", &[]),
    ("generators.external-secrets.io", &[]),
    ("bitnami.com", &["SealedSecret"]),
    ("secrets-store.csi.x-k8s.io", &[]),
    ("secrets.hashicorp.com", &[]),
    ("onepassword.com", &[]),
];

/// Roles of Kubernetes' own that may make anything in a namespace.
const MIGHTY: [&str; 3] = ["cluster-admin", "admin", "edit"];

fn is_listed(object: &Value, list: &[(&str, &[&str])]) -> bool {
    list.iter()
        .any(|(of_group, kinds)| *of_group == group(object) && (kinds.is_empty() || kinds.contains(&kind(object))))
}

/// Group and plural of what checks look for.
fn resource(of_kind: &str) -> (&'static str, &'static str) {
    match of_kind {
        "Secret" => ("", "secrets"),
        "ConfigMap" => ("", "configmaps"),
        "Service" => ("", "services"),
        "ServiceAccount" => ("", "serviceaccounts"),
        "PersistentVolumeClaim" => ("", "persistentvolumeclaims"),
        "Pod" => ("", "pods"),
        "Deployment" => ("apps", "deployments"),
        "StatefulSet" => ("apps", "statefulsets"),
        "DaemonSet" => ("apps", "daemonsets"),
        "ReplicaSet" => ("apps", "replicasets"),
        "Job" => ("batch", "jobs"),
        "Role" => ("rbac.authorization.k8s.io", "roles"),
        "ClusterRole" => ("rbac.authorization.k8s.io", "clusterroles"),
        "CustomResourceDefinition" => ("apiextensions.k8s.io", "customresourcedefinitions"),
        "PriorityClass" => ("scheduling.k8s.io", "priorityclasses"),
        "StorageClass" => ("storage.k8s.io", "storageclasses"),
        _ => ("?", "?"),
    }
}

impl Manifest<'_> {
    /// What may make an object of a kind and name while the release runs, in words; `None`: nothing of the release can.
    pub(crate) fn maker(&self, of_kind: &str, with_name: &str) -> Option<String> {
        self.custom_maker(of_kind, with_name)
            .or_else(|| self.naming_annotation(with_name))
            .or_else(|| self.who_may("create", of_kind))
            .or_else(|| self.unknown_account())
    }

    /// What may make pods of its own, in words: then labels that nothing rendered has may still be on some.
    pub(crate) fn pod_maker(&self) -> Option<String> {
        let kinds = ["Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"];
        self.custom_maker("Pod", "")
            .or_else(|| kinds.into_iter().find_map(|of_kind| self.who_may("create", of_kind)))
            .or_else(|| self.who_may("patch", "Pod"))
            .or_else(|| self.who_may("update", "Pod"))
            .or_else(|| self.unknown_account())
    }

    fn custom_maker(&self, of_kind: &str, with_name: &str) -> Option<String> {
        let names_it = |object: &Value| {
            of_kind == "Secret" && (name(object) == with_name || texts(&object["spec"]).contains(&with_name))
        };
        let may_make = |object: &&&Value| match object {
            object if !is_custom(object) || is_listed(object, &INERT) => false,
            object if is_listed(object, &NAMES_ITS_SECRET) => names_it(object),
            // A pod template is all that it makes of pods.
            object => of_kind != "Pod" || object["spec"]["template"]["spec"].is_null(),
        };
        self.objects.iter().find(may_make).map(|object| format!("{} may make it", title(object)))
    }

    /// Some controllers make a Secret where an annotation asks for one, or where an Ingress needs a certificate.
    fn naming_annotation(&self, with_name: &str) -> Option<String> {
        let asks = |object: &&&Value| {
            let annotations = object["metadata"]["annotations"].as_object();
            let mut annotations = annotations.into_iter().flatten();
            let has_issuer = annotations.clone().any(|(key, _)| key.contains("issuer") || key.contains("acme"));
            let is_tls =
                |object: &Value| items(&object["spec"]["tls"]).any(|tls| text(&tls["secretName"]) == with_name);
            annotations.any(|(key, value)| !key.starts_with("meta.helm.sh/") && text(value) == with_name)
                || (has_issuer && is_tls(object))
        };
        self.objects.iter().find(asks).map(|object| format!("an annotation of {} asks for it", title(object)))
    }

    /// Which role of the release allows a verb on a kind, in words.
    pub(crate) fn who_may(&self, verb: &str, of_kind: &str) -> Option<String> {
        let (of_group, plural) = resource(of_kind);
        let has = |list: &Value, wanted: &str| items(list).any(|item| item == wanted || item == "*");
        let allows = |rule: &Value| {
            has(&rule["verbs"], verb) && has(&rule["resources"], plural) && has(&rule["apiGroups"], of_group)
        };
        let is_role = |object: &Value| is_kind(object, "Role") || is_kind(object, "ClusterRole");
        let is_mighty = |object: &Value| {
            kind(object).ends_with("RoleBinding") && MIGHTY.contains(&text(&object["roleRef"]["name"]))
        };
        let role = self
            .objects
            .iter()
            .find(|object| (is_role(object) && items(&object["rules"]).any(allows)) || is_mighty(object))?;
        Some(format!("{} allows to {verb} {plural}", title(role)))
    }

    /// A ServiceAccount that pods run as and that the chart does not make: nobody knows what it may do.
    fn unknown_account(&self) -> Option<String> {
        self.workloads().into_iter().find_map(|workload| {
            let account = text(&workload.pod["spec"]["serviceAccountName"]);
            let is_unknown = !account.is_empty()
                && account != "default"
                && self.find("ServiceAccount", workload.namespace, account).is_none()
                && !self.is_own_name(account);
            is_unknown.then(|| {
                format!("{} may have rights that the chart does not show", title_of("ServiceAccount", account))
            })
        })
    }

    /// Whether something fills an object's data later: a controller that an annotation or a label addresses, or one of the release.
    pub(crate) fn filler(&self, object: &Value) -> Option<String> {
        const WORDS: [&str; 8] =
            ["generat", "replicat", "reflect", "inject", "sync", "service-account.name", "cert", "vault"];
        let labels = object["metadata"]["labels"].as_object().into_iter().flatten();
        let annotations = object["metadata"]["annotations"].as_object().into_iter().flatten();
        let mut marks = annotations.chain(labels).map(|(key, _)| key);
        if let Some(mark) =
            marks.find(|key| !key.starts_with("helm.sh/") && WORDS.iter().any(|word| key.contains(word)))
        {
            return Some(format!("`{mark}` lets a controller fill {}", title(object)));
        }
        let of_kind = kind(object);
        self.who_may("update", of_kind).or_else(|| self.who_may("patch", of_kind)).or_else(|| self.unknown_account())
    }

    /// What a Service's annotation tells a controller to do instead of reading the backend as it stands.
    pub(crate) fn has_action(object: &Value, backend: &str) -> bool {
        !annotation(object, &format!("alb.ingress.kubernetes.io/actions.{backend}")).is_empty()
    }
}
