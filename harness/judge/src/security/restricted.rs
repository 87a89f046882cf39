//! The *restricted* Pod Security Standard, as Kubernetes states it.

use std::collections::BTreeMap;

use chartgate_k8s::object::items;
use chartgate_k8s::typed::{Object, OrEmpty, PodTemplate};
use k8s_openapi::api::core::v1::{
    AppArmorProfile, Capabilities, Container, ContainerPort, Lifecycle, LifecycleHandler, PodSecurityContext, Probe,
    SELinuxOptions, SeccompProfile, SecurityContext, WindowsSecurityContextOptions,
};

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

/// What pods and containers may set alike.
#[derive(Clone, Copy, Default)]
struct Context<'a> {
    run_as_user: Option<i64>,
    run_as_non_root: Option<bool>,
    windows: Option<&'a WindowsSecurityContextOptions>,
    se_linux: Option<&'a SELinuxOptions>,
    app_armor: Option<&'a AppArmorProfile>,
    seccomp: Option<&'a SeccompProfile>,
}

// Kubernetes has a type for each of the two, with these fields in both.
macro_rules! context_from {
    ($($kind:ident),+) => {$(
        impl<'a> From<&'a $kind> for Context<'a> {
            fn from(it: &'a $kind) -> Self {
                Self {
                    run_as_user: it.run_as_user,
                    run_as_non_root: it.run_as_non_root,
                    windows: it.windows_options.as_ref(),
                    se_linux: it.se_linux_options.as_ref(),
                    app_armor: it.app_armor_profile.as_ref(),
                    seccomp: it.seccomp_profile.as_ref(),
                }
            }
        }
    )+};
}

context_from!(PodSecurityContext, SecurityContext);

/// What the pods of an object break of the standard, in words.
pub(super) fn violations(object: &Object, pod: PodTemplate) -> Vec<String> {
    let mut broken = of_pod(object, pod);
    for container in pod.containers() {
        let found = of_container(context_of(pod), container, is_windows(pod));
        broken.extend(found.into_iter().map(|what| format!("container `{}` {what}", container.name)));
    }
    broken
}

fn context_of(pod: PodTemplate<'_>) -> Context<'_> {
    pod.spec.security_context.as_ref().map(Context::from).unwrap_or_default()
}

/// Whether a pod is for Windows, which has a part of the standard only.
pub(super) fn is_windows(pod: PodTemplate) -> bool {
    pod.spec.os.as_ref().is_some_and(|os| os.name == "windows")
}

/// Whether a pod for Linux sets anything that the standard requires.
pub(super) fn is_aimed_at(pod: PodTemplate) -> bool {
    let sets_any = |context: Context| context.run_as_non_root == Some(true) || context.seccomp.is_some();
    let is_aimed = |it: &SecurityContext| {
        let drops = drops(it.capabilities.as_ref()).next().is_some();
        sets_any(it.into()) || it.allow_privilege_escalation == Some(false) || drops
    };
    let mut of_containers = pod.containers().filter_map(|container| container.security_context.as_ref());
    !is_windows(pod) && (sets_any(context_of(pod)) || of_containers.any(is_aimed))
}

fn drops(capabilities: Option<&Capabilities>) -> impl Iterator<Item = &String> {
    capabilities.and_then(|capabilities| capabilities.drop.as_ref()).into_iter().flatten()
}

fn of_pod(object: &Object, pod: PodTemplate) -> Vec<String> {
    let spec = pod.spec;
    let shared = [("hostNetwork", spec.host_network), ("hostPID", spec.host_pid), ("hostIPC", spec.host_ipc)];
    let shared = shared.into_iter().filter(|(_, is_shared)| *is_shared == Some(true));
    let mut broken: Vec<String> = shared.map(|(field, _)| format!("the pod has `{field}`")).collect();
    for (volume, source) in volumes(object) {
        if !VOLUMES.contains(&source) {
            broken.push(format!("volume `{volume}` is of kind `{source}`"));
        }
    }
    let context = spec.security_context.as_ref();
    for sysctl in context.and_then(|context| context.sysctls.as_ref()).into_iter().flatten() {
        if !SYSCTLS.contains(&sysctl.name.as_str()) {
            broken.push(format!("the pod sets the kernel parameter `{}`", sysctl.name));
        }
    }
    let none = BTreeMap::new();
    let annotations = pod.metadata.annotations.as_ref().unwrap_or(&none).iter();
    for (key, value) in
        annotations.filter(|(key, _)| key.starts_with("container.apparmor.security.beta.kubernetes.io/"))
    {
        if !(value == "runtime/default" || value.starts_with("localhost/")) {
            broken.push(format!("annotation `{key}` switches AppArmor off"));
        }
    }
    broken.extend(of_context(context_of(pod)).into_iter().map(|what| format!("the pod {what}")));
    broken
}

/// The volumes of an object's pods, each with its kind: by the raw value, for a kind may be newer than the types.
fn volumes(object: &Object) -> impl Iterator<Item = (&str, &str)> {
    let pod = chartgate_k8s::object::template(object.raw());
    let volumes =
        pod.into_iter().flat_map(|pod| items(&pod["spec"]["volumes"])).filter_map(|volume| volume.as_object());
    volumes.flat_map(|volume| {
        let name = volume.get("name").and_then(|name| name.as_str()).unwrap_or_default();
        volume.keys().filter(|key| *key != "name").map(move |key| (name, key.as_str()))
    })
}

/// What holds for the security context of a pod and of a container alike.
fn of_context(context: Context) -> Vec<String> {
    const TYPES: [&str; 5] = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];
    let mut broken = Vec::new();
    if context.run_as_user == Some(0) {
        broken.push("runs as root (`runAsUser: 0`)".to_owned());
    }
    if context.windows.is_some_and(|windows| windows.host_process == Some(true)) {
        broken.push("is a Windows host process".to_owned());
    }
    let is_labelled = |it: &SELinuxOptions| {
        !TYPES.contains(&it.type_.or_empty()) || !it.user.or_empty().is_empty() || !it.role.or_empty().is_empty()
    };
    if context.se_linux.is_some_and(is_labelled) {
        broken.push("sets its own SELinux user, role or type".to_owned());
    }
    if context.app_armor.is_some_and(|profile| profile.type_ == "Unconfined") {
        broken.push("switches AppArmor off".to_owned());
    }
    if context.seccomp.is_some_and(|profile| profile.type_ == "Unconfined") {
        broken.push("switches seccomp off".to_owned());
    }
    broken
}

/// What only Linux has, a pod for Windows need not set.
fn of_container(pod: Context, container: &Container, is_windows: bool) -> Vec<String> {
    let none = SecurityContext::default();
    let it = container.security_context.as_ref().unwrap_or(&none);
    let context = Context::from(it);
    let mut broken = of_context(context);
    let mut check = |is_broken: bool, what: &str| {
        if is_broken {
            broken.push(what.to_owned());
        }
    };
    check(it.privileged == Some(true), "is privileged");
    let may_escalate = it.allow_privilege_escalation != Some(false);
    check(!is_windows && may_escalate, "does not set `allowPrivilegeEscalation: false`");
    let non_root = context.run_as_non_root.or(pod.run_as_non_root);
    check(non_root != Some(true), "does not set `runAsNonRoot: true`");
    let profile = context.seccomp.or(pod.seccomp).map_or("", |profile| &profile.type_);
    let is_confined = ["RuntimeDefault", "Localhost", "Unconfined"].contains(&profile);
    check(!is_windows && !is_confined, "has no `seccompProfile`");
    let drops_all = drops(it.capabilities.as_ref()).any(|capability| capability == "ALL");
    check(!is_windows && !drops_all, "does not drop all capabilities");
    let mut added = it.capabilities.iter().flat_map(|capabilities| capabilities.add.iter().flatten());
    check(!is_windows && added.any(|capability| capability != "NET_BIND_SERVICE"), "adds capabilities");
    let mask = it.proc_mount.or_empty();
    check(!mask.is_empty() && mask != "Default", "unmasks `/proc`");
    let takes_port = |port: &ContainerPort| port.host_port.is_some_and(|port| port != 0);
    check(container.ports.iter().flatten().any(takes_port), "takes a port of its node");
    check(asks_another_host(container), "has a probe or lifecycle hook that asks another host");
    broken
}

fn asks_another_host(container: &Container) -> bool {
    let is_elsewhere = |host: &Option<String>| !host.or_empty().is_empty();
    let of_probe = |probe: &Probe| {
        probe.http_get.as_ref().is_some_and(|get| is_elsewhere(&get.host))
            || probe.tcp_socket.as_ref().is_some_and(|socket| is_elsewhere(&socket.host))
    };
    let of_hook = |hook: &LifecycleHandler| {
        hook.http_get.as_ref().is_some_and(|get| is_elsewhere(&get.host))
            || hook.tcp_socket.as_ref().is_some_and(|socket| is_elsewhere(&socket.host))
    };
    let probes = [&container.liveness_probe, &container.readiness_probe, &container.startup_probe];
    let hooks = |it: &Lifecycle| [&it.post_start, &it.pre_stop].into_iter().flatten().any(of_hook);
    probes.into_iter().flatten().any(of_probe) || container.lifecycle.as_ref().is_some_and(hooks)
}
