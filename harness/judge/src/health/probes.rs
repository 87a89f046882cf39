//! `probe-independence`: a pod is not restarted for the fault of a neighbour.

use serde_json::Value;

use crate::tally::{Tally, not_applicable, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};
use chartgate_k8s::object::{items, slashed, template, text};

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
        let spec = template(object).map(|template| &template["spec"]);
        for container in spec.into_iter().flat_map(|spec| items(&spec["containers"])) {
            let Some(alive) = asks(&container["livenessProbe"]) else { continue };
            is_any = true;
            let shown = format!("container `{}` of {}", text(&container["name"]), slashed(object));
            tally.saw("container", 1);
            if asks(&container["readinessProbe"]) == Some(alive) && may_depend(alive) && uses_others(container) {
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
fn asks(probe: &Value) -> Option<(&str, &Value)> {
    ["httpGet", "exec", "grpc"].into_iter().find_map(|way| Some((way, probe.get(way)?)))
}

/// Whether the answer to a probe may depend on another server. Metrics, files and pings do not.
fn may_depend((way, asked): (&str, &Value)) -> bool {
    let path = text(&asked["path"]).split('?').next().unwrap_or_default().to_lowercase();
    let is_own =
        ["/metrics", "/healthz", "live", "ping", ".html", ".txt", ".ico"].iter().any(|part| path.contains(part));
    // A command asks the server that it stands beside, such as `pg_isready`.
    match way {
        "httpGet" => !path.is_empty() && path != "/" && !is_own,
        other => other != "exec",
    }
}

/// Whether a container is told of another server: by an address, a URL, or what it logs in with.
fn uses_others(container: &Value) -> bool {
    let is_address = |name: &str| {
        let name = name.to_uppercase();
        ["HOST", "ADDR", "ADDRESS", "URL", "URI", "DSN", "ENDPOINT", "SERVERS", "BROKERS"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    let variables = items(&container["env"]).any(|variable| {
        let from = &variable["valueFrom"];
        is_address(text(&variable["name"]))
            || text(&variable["value"]).contains("://")
            || from["secretKeyRef"].is_object()
    });
    let arguments =
        items(&container["args"]).chain(items(&container["command"])).any(|argument| text(argument).contains("://"));
    // An exporter speaks for what it watches by its metrics, not by its probes.
    let is_exporter = ["name", "image"].iter().any(|field| text(&container[*field]).contains("exporter"));
    !is_exporter && (variables || arguments || items(&container["envFrom"]).next().is_some())
}

#[cfg(test)]
mod tests;
