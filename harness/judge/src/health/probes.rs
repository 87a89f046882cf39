//! `probe-independence`: a pod is not restarted for the fault of a neighbour.

use chartgate_k8s::typed::OrEmpty;
use k8s_openapi::api::core::v1::{Container, ExecAction, GRPCAction, HTTPGetAction, Probe};

use crate::tally::{Tally, not_applicable, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};

pub(crate) const PROBE_INDEPENDENCE: Check = Check {
    name: "probe-independence",
    proves: "liveness asks something else than readiness",
    means: "when a database is away, every pod is restarted over and over instead of waiting",
    explanation: include_str!("../explanation/probe-independence.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Advice,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: probe_independence,
};

fn probe_independence(view: &View) -> Finding {
    let mut tally = Tally::new(PROBE_INDEPENDENCE.name);
    let mut is_any = false;
    for object in view.rendered_once() {
        let pod = object.template();
        for container in pod.into_iter().flat_map(|pod| &pod.spec.containers) {
            let Some(alive) = asks(container.liveness_probe.as_ref()) else { continue };
            is_any = true;
            let shown = format!("container `{}` of {}", container.name, object.slashed());
            tally.saw("container", 1);
            if asks(container.readiness_probe.as_ref()) == Some(alive) && may_depend(alive) && uses_others(container) {
                let message =
                    format!("{shown} is restarted for what only keeps it from being ready: both probes ask the same");
                tally.advise(message).hint("let liveness ask a path that needs no database and no other service");
            } else {
                tally.proved(note(format!(
                    "no other server decides whether {shown} is restarted, as far as can be seen"
                )));
            }
        }
    }
    if !is_any {
        return not_applicable(
            PROBE_INDEPENDENCE.name,
            "no container has a liveness probe that asks for a path or runs a command",
        );
    }
    tally.finish("liveness asks something else than readiness")
}

/// What a probe asks, without how often. A bare connection depends on no neighbour.
#[derive(Clone, Copy, PartialEq)]
enum Asks<'a> {
    Http(&'a HTTPGetAction),
    Exec(&'a ExecAction),
    Grpc(&'a GRPCAction),
}

fn asks(probe: Option<&Probe>) -> Option<Asks<'_>> {
    let probe = probe?;
    let http = probe.http_get.as_ref().map(Asks::Http);
    http.or_else(|| probe.exec.as_ref().map(Asks::Exec)).or_else(|| probe.grpc.as_ref().map(Asks::Grpc))
}

/// Whether the answer to a probe may depend on another server. Metrics, files and pings do not.
fn may_depend(asked: Asks) -> bool {
    const OWN: [&str; 7] = ["/metrics", "/healthz", "live", "ping", ".html", ".txt", ".ico"];
    match asked {
        Asks::Http(get) => {
            let path = get.path.or_empty().split('?').next().unwrap_or_default().to_lowercase();
            !path.is_empty() && path != "/" && !OWN.iter().any(|part| path.contains(part))
        }
        // A command asks the server that it stands beside, such as `pg_isready`.
        Asks::Exec(_) => false,
        Asks::Grpc(_) => true,
    }
}

/// Whether a container is told of another server: by an address, a URL, or what it logs in with.
fn uses_others(container: &Container) -> bool {
    let is_address = |name: &str| {
        let name = name.to_uppercase();
        ["HOST", "ADDR", "ADDRESS", "URL", "URI", "DSN", "ENDPOINT", "SERVERS", "BROKERS"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    let variables = container.env.iter().flatten().any(|variable| {
        is_address(&variable.name)
            || variable.value.or_empty().contains("://")
            || variable.value_from.as_ref().is_some_and(|from| from.secret_key_ref.is_some())
    });
    let mut arguments = container.args.iter().chain(&container.command).flatten();
    // An exporter speaks for what it watches by its metrics, not by its probes.
    let is_exporter = container.name.contains("exporter") || container.image.or_empty().contains("exporter");
    let takes_all = container.env_from.as_ref().is_some_and(|sources| !sources.is_empty());
    !is_exporter && (variables || arguments.any(|argument| argument.contains("://")) || takes_all)
}

#[cfg(test)]
mod tests;
