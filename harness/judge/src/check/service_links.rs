//! `service-links`: a variable that Kubernetes makes of a Service's name does not take the place of one that the application reads.

use chartgate_k8s::object::repository;
use chartgate_k8s::typed::{Object, OrEmpty};
use k8s_openapi::api::core::v1::Container;

use crate::live::own_name;
use crate::manifest::{Manifest, Workload};
use crate::tally::{Tally, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};

pub(crate) const SERVICE_LINKS: Check = Check {
    name: "service-links",
    proves: "no pod gets a variable of the application from the name of a Service, and the release also starts under the chart's own name",
    means: "a server takes `tcp://10.96.0.1:80` for the number of its port and does not start, under some names of the release alone",
    explanation: include_str!("../explanation/service-links.md"),
    needs: Needs::Render,
    adds: Some(Needs::Orchestration),
    level: Level::Fail,
    rank: Rank::cause_of(&["ready", "release-outcome"]),
    judges_refusals: false,
    judge,
};

fn judge(view: &View) -> Finding {
    let mut tally = Tally::new(SERVICE_LINKS.name);
    own_name::judge(view, &mut tally);
    let (chart, release) = (&view.plan.chart.name, &view.plan.release);
    for manifest in Manifest::all(view) {
        let workloads = manifest.workloads();
        for service in manifest.of_kind("Service") {
            for link in links(service, chart, release) {
                judge_link(service, &link, &workloads, &manifest, &mut tally);
            }
        }
    }
    tally.finish_or(
        "no variable of the application is made of a Service's name",
        "the chart renders no Service beside pods that get links",
    )
}

/// Variables that pods get for a Service, also under a release of the chart's own name.
fn links(service: &Object, chart: &str, release: &str) -> Vec<String> {
    let own = service.name();
    let renamed = own.replace(&format!("{release}-{chart}"), chart).replace(release, chart);
    let mut names = vec![own.to_owned(), renamed];
    names.dedup();
    names.iter().map(|name| format!("{}_PORT", name.to_uppercase().replace('-', "_"))).collect()
}

fn judge_link(service: &Object, link: &str, workloads: &[Workload], manifest: &Manifest, tally: &mut Tally) {
    let sets = |container: &Container| is_set(manifest, container, link);
    let setting =
        workloads.iter().find_map(|it| Some((it, it.lasting_containers().find(|container| sets(container))?)));
    let linked = |it: &&Workload| {
        it.namespace == manifest.namespace_of(service) && it.pod.spec.enable_service_links != Some(false)
    };
    for workload in workloads.iter().filter(|it| linked(it)) {
        // An init container only prepares: it reads no port.
        for container in workload.lasting_containers() {
            let shown = format!("container `{}` of {}", container.name, workload.slashed());
            match setting {
                Some((other, reads)) if is_same_image(reads, container) && !sets(container) => {
                    let message = format!(
                        "{shown} gets `{link}` from {} as `tcp://…`, and {} shows that its image reads that variable",
                        service.slashed(),
                        other.slashed()
                    );
                    tally.advise(message).hint("set the variable there, too, or `enableServiceLinks: false`");
                }
                _ => tally.proved(note(format!("{shown} is not misled by `{link}`"))),
            }
        }
    }
}

fn is_same_image(one: &Container, other: &Container) -> bool {
    repository(one.image.or_empty()) == repository(other.image.or_empty())
}

/// Whether a container is given a variable by the chart itself.
fn is_set(manifest: &Manifest, container: &Container, variable: &str) -> bool {
    let mut maps = container.env_from.iter().flatten().filter_map(|from| from.config_map_ref.as_ref());
    let from_config = maps.any(|map| {
        let config = manifest.find("ConfigMap", manifest.namespace, &map.name);
        config.is_some_and(|config| config.data().has_key(variable))
    });
    from_config || container.env.iter().flatten().any(|it| it.name == variable)
}

#[cfg(test)]
mod tests;
