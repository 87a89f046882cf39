//! The rights that a run needs, by what it does with them.

use std::borrow::Cow;
use std::fmt;

use anyhow::Result;
use chartgate_k8s::object::namespace;
use chartgate_model::plan::{Fault, Look, Plan, StubImages};
use kube::Client;
use kube::discovery::Scope;
use serde_json::Value;

use super::super::apply::Kinds;
use crate::record::watch;

/// Something that a user may do in a namespace, or with what belongs to none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// Group of the resource; empty for Kubernetes' core.
    pub group: Cow<'static, str>,
    /// Its name in the plural.
    pub resource: Cow<'static, str>,
    /// Empty: the resource itself.
    pub subresource: &'static str,
    /// What is done with it.
    pub verb: &'static str,
}

impl Right {
    /// To do something with a resource.
    pub fn new(
        verb: &'static str,
        group: impl Into<Cow<'static, str>>,
        resource: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { group: group.into(), resource: resource.into(), subresource: "", verb }
    }

    /// The same with a part of it.
    pub fn of(self, subresource: &'static str) -> Self {
        Self { subresource, ..self }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, resource, subresource, verb } = self;
        write!(f, "{verb} {resource}")?;
        if !group.is_empty() {
            write!(f, ".{group}")?;
        }
        if subresource.is_empty() { Ok(()) } else { write!(f, "/{subresource}") }
    }
}

/// Group, resource, subresource, and what is done with it.
type Row = (&'static str, &'static str, &'static str, &'static [&'static str]);

/// With namespaces: each scenario gets some, which are awaited and go at the end.
const OF_NAMESPACES: [Row; 1] = [("", "namespaces", "", &["create", "get", "list", "watch", "delete"])];

/// In the release's namespace, beside what the chart contains: logs are read, helm keeps its releases, and pods go first at the end.
const OF_RELEASE: [Row; 3] = [
    ("", "pods", "", &["get", "deletecollection"]),
    ("", "pods", "log", &["get"]),
    ("", "secrets", "", &["create", "get", "list", "update", "delete"]),
];

/// In the namespace of the prober, which asks the release's pods. An API server asks for `get` where a connection is begun as a
/// websocket, and a newer one for `create` as well.
const OF_PROBER: [Row; 3] = [
    ("", "pods", "", &["create", "get", "list", "watch", "delete", "deletecollection"]),
    ("", "pods", "attach", &["get", "create"]),
    ("", "serviceaccounts", "", &["list", "watch"]),
];

/// In the namespace of servers that are pods.
const OF_SERVERS: [Row; 6] = [
    ("", "pods", "", &["create", "get", "list", "deletecollection"]),
    ("", "pods", "log", &["get"]),
    ("", "pods", "exec", &["get", "create"]),
    ("", "pods", "portforward", &["get", "create"]),
    ("", "secrets", "", &["create"]),
    ("networking.k8s.io", "networkpolicies", "", &["create"]),
];

/// What the webhook of stub images is, in the cluster …
const OF_WEBHOOK: [Row; 1] =
    [("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "", &["create", "delete"])];
/// … and in the prober's namespace.
const OF_STUBS: [Row; 2] = [("", "secrets", "", &["create"]), ("", "services", "", &["create"])];
/// What stubs have to fit into in the release's namespace, and a pod that asks whether the webhook answers.
const OF_STUBBED: [Row; 3] =
    [("", "resourcequotas", "", &["list"]), ("", "limitranges", "", &["list"]), ("", "pods", "", &["create"])];

/// Where the contract says what a hook leaves behind: a program in a pod shows it.
const OF_EFFECTS: [Row; 1] = [("", "pods", "exec", &["get", "create"])];
/// Where a fault kills a pod.
const OF_KILLS: [Row; 1] = [("", "pods", "", &["delete"])];

/// What helm and the recorder do with each kind of the chart's.
const OF_CHART: [&str; 4] = ["get", "create", "patch", "delete"];

/// A run in someone's cluster.
pub struct Visit<'a> {
    /// The release's namespace.
    pub ns: &'a str,
    /// The prober's.
    pub beside: &'a str,
    /// That of servers that are pods; `None`: there are none.
    pub of_servers: Option<&'a str>,
    /// What is run.
    pub plan: &'a Plan,
    /// All that the chart and the scenario's steps make.
    pub objects: Vec<&'a Value>,
}

impl Visit<'_> {
    /// What it needs, each with the namespace; an empty one is the cluster.
    pub async fn needs(&self, client: &Client) -> Result<Vec<(String, Right)>> {
        let mut needs = self.of_its_own();
        let kinds = Kinds::ask(client).await?;
        for object in &self.objects {
            // A kind that the cluster does not know yet is the chart's own, or nobody's.
            let Some((resource, scope)) = kinds.of_object(object) else { continue };
            let ns = match scope {
                Scope::Cluster => String::new(),
                Scope::Namespaced => namespace(object).unwrap_or(self.ns).to_owned(),
            };
            let right = |verb| Right::new(verb, resource.group.clone(), resource.plural.clone());
            needs.extend(OF_CHART.map(|verb| (ns.clone(), right(verb))));
        }
        Ok(needs)
    }

    /// What it needs whatever the chart is.
    fn of_its_own(&self) -> Vec<(String, Right)> {
        let mut needs = Vec::new();
        let mut add = |ns: &str, rows: &[Row]| {
            for (group, resource, subresource, verbs) in rows {
                let right = |verb: &&'static str| Right::new(verb, *group, *resource).of(subresource);
                needs.extend(verbs.iter().map(|verb| (ns.to_owned(), right(verb))));
            }
        };
        add("", &OF_NAMESPACES);
        add(self.ns, &OF_RELEASE);
        add(self.ns, &watch::KINDS.map(|(group, _, _, plural)| (group, plural, "", &["list", "watch"][..])));
        add(self.beside, &OF_PROBER);
        if let Some(of_servers) = self.of_servers {
            add(of_servers, &OF_SERVERS);
        }
        let mut effects = self.plan.hooks.values().flat_map(|hook| hook.effects.values());
        if effects.any(|effect| matches!(effect.look, Look::Pod { .. })) {
            add(self.ns, &OF_EFFECTS);
        }
        let kills = |fault: &Fault| matches!(fault, Fault::PodKilled { .. } | Fault::MigratorKilled);
        if self.plan.steps.iter().filter_map(|step| step.fault.as_ref()).any(kills) {
            add(self.ns, &OF_KILLS);
        }
        if self.plan.stub_images != StubImages::Off {
            add("", &OF_WEBHOOK);
            add(self.beside, &OF_STUBS);
            add(self.ns, &OF_STUBBED);
        }
        needs
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chartgate_model::plan::{Action, Effect, Hook, Step};

    use super::*;

    /// A failure would mean that a user with the rights that the document lists is refused, or that it lists too few.
    #[test]
    fn the_document_lists_each_right() {
        let document = include_str!("../../../../../docs/src/how-to/existing-cluster.md");
        let mut plan =
            Plan { stub_images: StubImages::All, steps: vec![Step::new(Action::Install)], ..Plan::default() };
        plan.steps[0].fault = Some(Fault::MigratorKilled);
        let look = Look::Pod { pods: "app=a".to_owned(), command: vec!["rows".to_owned()] };
        let effects = BTreeMap::from([("rows".to_owned(), Effect { look, shows: Vec::new() })]);
        plan.hooks.insert("migrate".to_owned(), Hook { effects, ..Hook::default() });
        let visit = Visit { ns: "a", beside: "b", of_servers: Some("c"), plan: &plan, objects: Vec::new() };
        for (_, Right { group, resource, subresource, verb }) in visit.of_its_own() {
            let named = |word: &str| format!("`{word}`");
            let is_row = |line: &&str| {
                let is_of = line.contains(&named(subresource)) != subresource.is_empty();
                is_of && line.contains(&named(&resource)) && line.contains(&named(verb)) && line.contains(&*group)
            };
            assert!(
                document.lines().any(|line| is_row(&line)),
                "no line has `{verb}` of `{resource}/{subresource}` of group `{group}`"
            );
        }
        for verb in OF_CHART {
            assert!(document.contains(&format!("`{verb}`")), "{verb}");
        }
    }
}
