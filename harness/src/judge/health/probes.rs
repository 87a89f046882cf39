//! `probe-independence`: a pod is not restarted for the fault of a neighbour.

use serde_json::Value;

use crate::judge::object::{items, template, text, title};
use crate::judge::tally::{Tally, not_applicable, note};
use crate::judge::view::View;
use crate::judge::{Check, Finding};
use crate::record::Recording;

pub(in crate::judge) const PROBE_INDEPENDENCE: Check = Check {
    name: "probe-independence",
    proves: "liveness asks something else than readiness",
    means: "when a database is away, every pod is restarted over and over instead of waiting",
    explanation: include_str!("../explanation/probe-independence.md"),
    judge: probe_independence,
};

fn probe_independence(recording: &Recording) -> Finding {
    let view = View::of(recording);
    let mut tally = Tally::new(PROBE_INDEPENDENCE.name);
    let mut is_any = false;
    for object in view.rendered_once() {
        let spec = template(object).map(|template| &template["spec"]);
        for container in spec.into_iter().flat_map(|spec| items(&spec["containers"])) {
            let Some(alive) = asks(&container["livenessProbe"]) else { continue };
            is_any = true;
            let shown = format!("container `{}` of {}", text(&container["name"]), title(object));
            if asks(&container["readinessProbe"]) == Some(alive) {
                let message =
                    format!("{shown} is restarted for what only keeps it from being ready: both probes ask the same");
                tally.advise(message).hint("let liveness ask a path that needs no database and no other service");
            } else {
                tally.proved(note(format!("liveness of {shown} asks something of its own")));
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

#[cfg(test)]
mod tests;
