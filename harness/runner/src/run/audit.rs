//! What the release's `ServiceAccount`s asked the API server for, from its own record.

use std::collections::BTreeMap;

use anyhow::Result;
use chartgate_cluster::audit::{self, Request};
use jiff::Timestamp;

use super::stage::Stage;
use crate::record::{Asked, Moment, Timeline};

/// More refusals of one request say nothing more.
const REMEMBERED: usize = 50;

/// Notes every request once, with when it was refused, and when it was last granted.
pub async fn note(node: &str, stage: &Stage, timeline: &Timeline) -> Result<()> {
    let mut all: BTreeMap<[String; 5], Asked> = BTreeMap::new();
    for request in audit::requests(node, &stage.ns).await? {
        let Some(asked) = read(&request, &stage.ns) else { continue };
        let when = request.stage_timestamp.parse::<Timestamp>().map_or(0, Timestamp::as_millisecond);
        let at = u64::try_from(when).unwrap_or_default().saturating_sub(timeline.unix_ms());
        let key = [&asked.account, &asked.verb, &asked.resource, &asked.namespace, &asked.name].map(Clone::clone);
        let known = all.entry(key).or_insert(asked);
        match request.response_status.code {
            403 if known.refused.len() < REMEMBERED => known.refused.push(at),
            200..=399 => known.granted = Some(at),
            _ => {}
        }
    }
    for asked in all.into_values() {
        timeline.append(Moment::Asked(asked));
    }
    Ok(())
}

fn read(request: &Request, ns: &str) -> Option<Asked> {
    let account = request.user.username.strip_prefix(&format!("system:serviceaccount:{ns}:"))?;
    let object = &request.object_ref;
    let resource = [object.resource.as_str(), object.subresource.as_str()].join("/");
    let resource = resource.trim_end_matches('/').to_owned();
    let group = &object.api_group;
    Some(Asked {
        account: account.to_owned(),
        verb: request.verb.clone(),
        resource: if group.is_empty() { resource } else { format!("{resource}.{group}") },
        namespace: object.namespace.clone(),
        name: object.name.clone(),
        refused: Vec::new(),
        granted: None,
    })
}
