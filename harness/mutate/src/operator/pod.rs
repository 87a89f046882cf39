//! Pods: their probes, their end, their environment, their security.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodTemplateSpec, Probe};

use chartgate_base::random;

use crate::objects::Objects;
use crate::operator::MARK;

fn containers(objects: &mut Objects, mut change: impl FnMut(&mut Container)) {
    objects.pods(|pod| pod.spec.iter_mut().flat_map(|spec| &mut spec.containers).for_each(&mut change));
}

pub(crate) fn labelled_at_random(objects: &mut Objects) {
    objects.pods(|pod| {
        let metadata = pod.metadata.get_or_insert_default();
        metadata.labels.get_or_insert_with(BTreeMap::new).insert(MARK.to_owned(), random::text(8));
    });
}

pub(crate) fn without_pre_stop(objects: &mut Objects) {
    containers(objects, |container| {
        if let Some(lifecycle) = &mut container.lifecycle {
            lifecycle.pre_stop = None;
        }
    });
}

pub(crate) fn with_short_grace(objects: &mut Objects) {
    objects.pods(|pod| {
        let Some(spec) = &mut pod.spec else { return };
        let drains = |it: &Container| it.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.pre_stop.is_some());
        if spec.containers.iter().any(drains) {
            spec.termination_grace_period_seconds = Some(1);
        }
    });
}

fn lead_astray(probe: &mut Option<Probe>) {
    if let Some(get) = probe.as_mut().and_then(|probe| probe.http_get.as_mut()) {
        get.path = Some("/chartgate/no-such-path".to_owned());
    }
}

pub(crate) fn ready_at_a_wrong_path(objects: &mut Objects) {
    containers(objects, |container| lead_astray(&mut container.readiness_probe));
}

pub(crate) fn without_readiness(objects: &mut Objects) {
    containers(objects, |container| container.readiness_probe = None);
}

/// A server that is not ready for a while, for example because its database is away, is then restarted.
pub(crate) fn alive_as_ready(objects: &mut Objects) {
    containers(objects, |container| {
        if let (Some(ready), Some(alive)) = (&container.readiness_probe, &mut container.liveness_probe) {
            (alive.http_get, alive.tcp_socket, alive.exec) =
                (ready.http_get.clone(), ready.tcp_socket.clone(), ready.exec.clone());
        }
    });
}

/// Two workloads of one image, each with the other's environment.
pub(crate) fn with_anothers_environment(objects: &mut Objects) {
    let first = |pod: &PodTemplateSpec| pod.spec.as_ref().and_then(|spec| spec.containers.first()).cloned();
    let all: Vec<Container> = objects.templates().iter().filter_map(first).collect();
    let differs = |one: &Container, other: &Container| one.image == other.image && one.env != other.env;
    let pairs = all.iter().enumerate().flat_map(|(at, one)| all[at + 1..].iter().map(move |other| (one, other)));
    let Some((one, other)) = pairs.into_iter().find(|(one, other)| differs(one, other)) else { return };
    let (one, other) = (one.clone(), other.clone());
    objects.pods(|pod| {
        let Some(container) = pod.spec.as_mut().and_then(|spec| spec.containers.first_mut()) else { return };
        if *container == one {
            container.env.clone_from(&other.env);
        } else if *container == other {
            container.env.clone_from(&one.env);
        }
    });
}

pub(crate) fn without_checksums(objects: &mut Objects) {
    objects.pods(|pod| {
        if let Some(annotations) = pod.metadata.as_mut().and_then(|metadata| metadata.annotations.as_mut()) {
            annotations.retain(|key, _| !key.starts_with("checksum/"));
        }
    });
}

pub(crate) fn of_the_latest_image(objects: &mut Objects) {
    containers(objects, |container| {
        if let Some(image) = &mut container.image {
            let name = image.split('@').next().unwrap_or_default();
            let (path, last) = name.rsplit_once('/').map_or(("", name), |(path, last)| (path, last));
            let bare = last.split(':').next().unwrap_or_default();
            let separator = if path.is_empty() { "" } else { "/" };
            *image = format!("{path}{separator}{bare}:latest");
        }
    });
}

pub(crate) fn as_root(objects: &mut Objects) {
    objects.pods(|pod| {
        let Some(spec) = &mut pod.spec else { return };
        spec.security_context = None;
        spec.containers.iter_mut().for_each(|container| container.security_context = None);
    });
}

pub(crate) fn with_a_token(objects: &mut Objects) {
    objects.pods(|pod| {
        if let Some(spec) = &mut pod.spec {
            spec.automount_service_account_token = Some(true);
        }
    });
}
