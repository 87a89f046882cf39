//! Which templates made the objects that a finding names: a person who reads it opens them next.

use std::collections::BTreeMap;

use chartgate_model::recording::Recording;

use super::Finding;
use super::track::Track;
use chartgate_k8s::typed::Object;

/// More templates than these say nothing any more.
const MOST: usize = 3;
/// A pod goes back to its workload over one object, and to an operator's over one more.
const OWNERS: usize = 4;

/// The templates of a recording's objects.
pub(super) struct Sources<'a> {
    by_object: BTreeMap<(&'a str, &'a str), &'a str>,
    pods: Vec<(&'a str, &'a str)>,
}

impl<'a> Sources<'a> {
    /// Of a recording, and the objects that were seen in it.
    pub(super) fn of(recording: &'a Recording, seen: &[&Track<'a>]) -> Self {
        let mut by_object = BTreeMap::new();
        for (hash, template) in &recording.sources {
            let object = recording.object(hash);
            by_object.insert((object.kind(), object.name()), template.as_str());
        }
        let seen: &[&Track] = if by_object.is_empty() { &[] } else { seen };
        let by_uid: BTreeMap<&str, &Object> = seen.iter().rev().map(|track| (track.uid(), track.last())).collect();
        let pods = seen.iter().filter(|track| track.last().kind() == "Pod");
        let pods = pods.filter_map(|pod| Some((pod.name(), template_of(pod.last(), &by_uid, &by_object)?))).collect();
        Self { by_object, pods }
    }

    /// The templates of the objects that a finding's first line names, in their order there.
    pub(super) fn named_by(&self, finding: &Finding) -> Vec<String> {
        let line = finding.message.lines().next().unwrap_or_default();
        let objects =
            self.by_object.iter().filter_map(|((kind, name), template)| Some((place(line, kind, name)?, *template)));
        let pods = self.pods.iter().filter_map(|(name, template)| Some((place(line, "Pod", name)?, *template)));
        let mut named: Vec<(usize, &str)> = objects.chain(pods).collect();
        named.sort_unstable();
        let mut templates: Vec<String> = Vec::new();
        for (_, template) in named {
            if !templates.iter().any(|known| known == template) {
                templates.push(template.to_owned());
            }
        }
        templates.truncate(MOST);
        templates
    }
}

/// Where a line names an object: `Deployment `web``, `deployment `web`` or `deployment/web`.
fn place(line: &str, kind: &str, name: &str) -> Option<usize> {
    if kind.is_empty() || name.is_empty() {
        return None;
    }
    let lower = kind.to_lowercase();
    let quoted = [format!("{kind} `{name}`"), format!("{lower} `{name}`")];
    let found = quoted.iter().filter_map(|title| line.find(title.as_str())).min();
    found.or_else(|| {
        let short = format!("{lower}/{name}");
        let at = line.find(&short)?;
        let is_whole =
            !line[at + short.len()..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.');
        is_whole.then_some(at)
    })
}

/// The template of the workload that a pod goes back to.
fn template_of<'a>(
    pod: &'a Object,
    by_uid: &BTreeMap<&str, &'a Object>,
    by_object: &BTreeMap<(&'a str, &'a str), &'a str>,
) -> Option<&'a str> {
    let mut object = pod;
    for _ in 0..OWNERS {
        if let Some(template) = by_object.get(&(object.kind(), object.name())) {
            return Some(template);
        }
        object = by_uid.get(object.owners().next()?.uid.as_str())?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;
    use crate::judge;
    use crate::testing::{Story, end_of, pod};
    use chartgate_model::recording::Change;
    use serde_json::json;

    /// A failure would mean that a person who reads what is wrong searches the chart for the template that made it.
    #[test]
    fn a_finding_names_the_template_of_its_object_and_of_its_pods_workload() {
        let mut story = Story::good().edit(
            |object| {
                object["metadata"]["name"] == "cg-worker"
                    && object["kind"] == "Deployment"
                    && !object["status"].is_null()
            },
            |deployment| deployment["status"]["availableReplicas"] = json!(0),
        );
        let named =
            |object: &serde_json::Value| object["metadata"]["name"] == "cg-worker" && object["status"].is_null();
        let hashes: Vec<String> =
            story.0.objects.iter().filter(|(_, object)| named(object.raw())).map(|(hash, _)| hash.clone()).collect();
        story.0.sources.extend(hashes.into_iter().map(|hash| (hash, "shop/templates/worker.yaml".to_owned())));
        let mut lonely = pod("worker", 9, "v9");
        lonely["metadata"]["ownerReferences"] = json!([{"uid": "worker-deployment"}]);
        let story = story.sighting(end_of(0), Change::Applied, &lonely);
        let findings = judge(&story.0);
        let ready = findings.iter().find(|finding| finding.check == "ready").unwrap();
        assert_eq!(ready.verdict, Verdict::Fail);
        assert_eq!(ready.templates, ["shop/templates/worker.yaml"], "{}", ready.message);
    }

    /// A failure would mean that `web-admin` is taken for `web`.
    #[test]
    fn a_longer_name_is_another_object() {
        assert_eq!(place("service/web-admin is gone", "Service", "web"), None);
        assert_eq!(place("see service/web", "Service", "web"), Some(4));
        assert_eq!(place("service/web is gone", "Service", "web"), Some(0));
    }
}
