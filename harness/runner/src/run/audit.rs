//! What the release's `ServiceAccount`s asked the API server for, from its own record.

use std::collections::BTreeMap;

use anyhow::Result;
use chartgate_cluster::audit;
use jiff::Timestamp;
use serde_json::Value;

use super::stage::Stage;
use crate::record::{Asked, Moment, Timeline};
use chartgate_k8s::object::text;

/// More refusals of one request say nothing more.
const REMEMBERED: usize = 50;

/// Notes every request once, with when it was refused, and when it was last granted.
pub async fn note(node: &str, stage: &Stage, timeline: &Timeline) -> Result<()> {
    let mut all: BTreeMap<[String; 5], Asked> = BTreeMap::new();
    for request in audit::requests(node, &stage.ns).await? {
        let Some(asked) = read(&request, &stage.ns) else { continue };
        let when = text(&request["stageTimestamp"]).parse::<Timestamp>().map_or(0, Timestamp::as_millisecond);
        let at = u64::try_from(when).unwrap_or_default().saturating_sub(timeline.unix_ms());
        let key = [&asked.account, &asked.verb, &asked.resource, &asked.namespace, &asked.name].map(Clone::clone);
        let known = all.entry(key).or_insert(asked);
        match request["responseStatus"]["code"].as_u64() {
            Some(403) if known.refused.len() < REMEMBERED => known.refused.push(at),
            Some(200..=399) => known.granted = Some(at),
            _ => {}
        }
    }
    for asked in all.into_values() {
        timeline.append(Moment::Asked(asked));
    }
    Ok(())
}

fn read(request: &Value, ns: &str) -> Option<Asked> {
    let account = text(&request["user"]["username"]).strip_prefix(&format!("system:serviceaccount:{ns}:"))?;
    let object = &request["objectRef"];
    let group = text(&object["apiGroup"]);
    let resource = [text(&object["resource"]), text(&object["subresource"])].join("/");
    let resource = resource.trim_end_matches('/').to_owned();
    Some(Asked {
        account: account.to_owned(),
        verb: text(&request["verb"]).to_owned(),
        resource: if group.is_empty() { resource } else { format!("{resource}.{group}") },
        namespace: text(&object["namespace"]).to_owned(),
        name: text(&object["name"]).to_owned(),
        refused: Vec::new(),
        granted: None,
    })
}
