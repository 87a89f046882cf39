//! The *restricted* Pod Security Standard, as Kubernetes states it.

use serde_json::Value;

use chartgate_k8s::object::{containers, items, text};

/// Volumes that a restricted pod may have.
const VOLUMES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// Kernel parameters that concern the pod alone.
const SYSCTLS: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];

/// What a pod template breaks of the standard, in words.
pub(super) fn violations(pod: &Value) -> Vec<String> {
    let mut broken = of_pod(pod);
    for container in containers(pod) {
        let name = text(&container["name"]);
        let found = of_container(&pod["spec"]["securityContext"], container, is_windows(pod));
        broken.extend(found.into_iter().map(|what| format!("container `{name}` {what}")));
    }
    broken
}

/// Whether a pod is for Windows, which has a part of the standard only.
pub(super) fn is_windows(pod: &Value) -> bool {
    pod["spec"]["os"]["name"] == "windows"
}

/// Whether a pod for Linux sets anything that the standard requires.
pub(super) fn is_aimed_at(pod: &Value) -> bool {
    let sets_any = |context: &Value| {
        context["runAsNonRoot"] == true
            || context["seccompProfile"].is_object()
            || context["allowPrivilegeEscalation"] == false
            || items(&context["capabilities"]["drop"]).next().is_some()
    };
    let of_containers = containers(pod).map(|container| &container["securityContext"]);
    !is_windows(pod) && of_containers.chain([&pod["spec"]["securityContext"]]).any(sets_any)
}

fn of_pod(pod: &Value) -> Vec<String> {
    let (spec, context) = (&pod["spec"], &pod["spec"]["securityContext"]);
    let shared = ["hostNetwork", "hostPID", "hostIPC"].into_iter().filter(|field| spec[*field] == true);
    let mut broken: Vec<String> = shared.map(|field| format!("the pod has `{field}`")).collect();
    for volume in items(&spec["volumes"]) {
        let sources = volume.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
        for source in sources.filter(|source| *source != "name" && !VOLUMES.contains(source)) {
            broken.push(format!("volume `{}` is of kind `{source}`", text(&volume["name"])));
        }
    }
    for sysctl in items(&context["sysctls"]).map(|sysctl| text(&sysctl["name"])) {
        if !SYSCTLS.contains(&sysctl) {
            broken.push(format!("the pod sets the kernel parameter `{sysctl}`"));
        }
    }
    let annotations = pod["metadata"]["annotations"].as_object().into_iter().flatten();
    for (key, value) in
        annotations.filter(|(key, _)| key.starts_with("container.apparmor.security.beta.kubernetes.io/"))
    {
        if !(text(value) == "runtime/default" || text(value).starts_with("localhost/")) {
            broken.push(format!("annotation `{key}` switches AppArmor off"));
        }
    }
    broken.extend(of_context(context).into_iter().map(|what| format!("the pod {what}")));
    broken
}

/// What holds for the security context of a pod and of a container alike.
fn of_context(context: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    if context["runAsUser"] == 0 {
        broken.push("runs as root (`runAsUser: 0`)".to_owned());
    }
    if context["windowsOptions"]["hostProcess"] == true {
        broken.push("is a Windows host process".to_owned());
    }
    let labels = &context["seLinuxOptions"];
    let kinds = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];
    if !kinds.contains(&text(&labels["type"])) || !text(&labels["user"]).is_empty() || !text(&labels["role"]).is_empty()
    {
        broken.push("sets its own SELinux user, role or type".to_owned());
    }
    if context["appArmorProfile"]["type"] == "Unconfined" {
        broken.push("switches AppArmor off".to_owned());
    }
    if context["seccompProfile"]["type"] == "Unconfined" {
        broken.push("switches seccomp off".to_owned());
    }
    broken
}

/// What only Linux has, a pod for Windows need not set.
fn of_container(pod: &Value, container: &Value, is_windows: bool) -> Vec<String> {
    let context = &container["securityContext"];
    let mut broken = of_context(context);
    let mut check = |is_broken: bool, what: &str| {
        if is_broken {
            broken.push(what.to_owned());
        }
    };
    check(context["privileged"] == true, "is privileged");
    check(
        !is_windows && context["allowPrivilegeEscalation"] != false,
        "does not set `allowPrivilegeEscalation: false`",
    );
    let non_root = context["runAsNonRoot"].as_bool().or(pod["runAsNonRoot"].as_bool());
    check(non_root != Some(true), "does not set `runAsNonRoot: true`");
    let profile = [context, pod].into_iter().find_map(|context| context["seccompProfile"]["type"].as_str());
    let is_confined = profile.is_some_and(|profile| ["RuntimeDefault", "Localhost", "Unconfined"].contains(&profile));
    check(!is_windows && !is_confined, "has no `seccompProfile`");
    let drops = items(&context["capabilities"]["drop"]).any(|capability| capability == "ALL");
    check(!is_windows && !drops, "does not drop all capabilities");
    let adds = items(&context["capabilities"]["add"]).any(|capability| capability != "NET_BIND_SERVICE");
    check(!is_windows && adds, "adds capabilities");
    let mask = text(&context["procMount"]);
    check(!mask.is_empty() && mask != "Default", "unmasks `/proc`");
    let host_port = items(&container["ports"]).any(|port| port["hostPort"].as_u64().is_some_and(|port| port != 0));
    check(host_port, "takes a port of its node");
    let handlers = ["livenessProbe", "readinessProbe", "startupProbe"].map(|probe| &container[probe]);
    let hooks = ["postStart", "preStop"].map(|hook| &container["lifecycle"][hook]);
    let is_elsewhere =
        |handler: &&Value| ["httpGet", "tcpSocket"].iter().any(|way| !text(&handler[*way]["host"]).is_empty());
    check(handlers.iter().chain(&hooks).any(is_elsewhere), "has a probe or lifecycle hook that asks another host");
    broken
}
