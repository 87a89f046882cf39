//! What may appear beside the rendered objects once the release runs: what is not rendered need not be missing.

use chartgate_k8s::typed::rbac::{role_of, rules};
use chartgate_k8s::typed::{Object, OrEmpty};
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::api::rbac::v1::{PolicyRule, RoleRef};

use super::{Manifest, texts, title_of};

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

fn is_listed(object: &Object, list: &[(&str, &[&str])]) -> bool {
    list.iter()
        .any(|(of_group, kinds)| *of_group == object.group() && (kinds.is_empty() || kinds.contains(&object.kind())))
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
        let names_it = |object: &Object| {
            of_kind == "Secret" && (object.name() == with_name || texts(object.raw_spec()).contains(&with_name))
        };
        let may_make = |object: &&&Object| match object {
            object if !object.is_custom() || is_listed(object, &INERT) => false,
            object if is_listed(object, &NAMES_ITS_SECRET) => names_it(object),
            // A pod template is all that it makes of pods.
            object => of_kind != "Pod" || object.common().spec.template.as_ref().is_none_or(|it| it.spec.is_none()),
        };
        self.objects.iter().find(may_make).map(|object| format!("{} may make it", object.slashed()))
    }

    /// Some controllers make a Secret where an annotation asks for one, or where an Ingress needs a certificate.
    fn naming_annotation(&self, with_name: &str) -> Option<String> {
        let asks = |object: &&&Object| {
            let mut annotations = object.annotations().iter();
            let has_issuer = annotations.clone().any(|(key, _)| key.contains("issuer") || key.contains("acme"));
            annotations.any(|(key, value)| !key.starts_with("meta.helm.sh/") && value == with_name)
                || (has_issuer && takes_certificate(object, with_name))
        };
        self.objects.iter().find(asks).map(|object| format!("an annotation of {} asks for it", object.slashed()))
    }

    /// Which role of the release allows a verb on a kind, in words.
    pub(crate) fn who_may(&self, verb: &str, of_kind: &str) -> Option<String> {
        let (of_group, plural) = resource(of_kind);
        let has = |list: Option<&Vec<String>>, wanted: &str| {
            list.is_some_and(|list| list.iter().any(|item| item == wanted || item == "*"))
        };
        let allows = |rule: &PolicyRule| {
            has(Some(&rule.verbs), verb)
                && has(rule.resources.as_ref(), plural)
                && has(rule.api_groups.as_ref(), of_group)
        };
        let is_mighty = |role: &RoleRef| MIGHTY.contains(&role.name.as_str());
        let role = self
            .objects
            .iter()
            .find(|object| rules(object).iter().any(allows) || role_of(object).is_some_and(is_mighty))?;
        Some(format!("{} allows to {verb} {plural}", role.slashed()))
    }

    /// A ServiceAccount that pods run as and that the chart does not make: nobody knows what it may do.
    fn unknown_account(&self) -> Option<String> {
        self.workloads().into_iter().find_map(|workload| {
            let account = workload.pod.spec.service_account_name.or_empty();
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
    pub(crate) fn filler(&self, object: &Object) -> Option<String> {
        const WORDS: [&str; 8] =
            ["generat", "replicat", "reflect", "inject", "sync", "service-account.name", "cert", "vault"];
        let mut marks = object.annotations().keys().chain(object.labels().keys());
        if let Some(mark) =
            marks.find(|key| !key.starts_with("helm.sh/") && WORDS.iter().any(|word| key.contains(word)))
        {
            return Some(format!("`{mark}` lets a controller fill {}", object.slashed()));
        }
        let of_kind = object.kind();
        self.who_may("update", of_kind).or_else(|| self.who_may("patch", of_kind)).or_else(|| self.unknown_account())
    }

    /// What a Service's annotation tells a controller to do instead of reading the backend as it stands.
    pub(crate) fn has_action(object: &Object, backend: &str) -> bool {
        !object.annotation(&format!("alb.ingress.kubernetes.io/actions.{backend}")).is_empty()
    }
}

/// Whether an Ingress takes its certificate from a Secret.
fn takes_certificate(object: &Object, secret: &str) -> bool {
    let spec = object.typed::<Ingress>().and_then(|ingress| ingress.spec.as_ref());
    spec.is_some_and(|spec| spec.tls.iter().flatten().any(|tls| tls.secret_name.as_deref() == Some(secret)))
}
