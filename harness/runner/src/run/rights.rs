//! Whether a user may do in a cluster of theirs what a run does there: asked before anything is made.

mod needed;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use chartgate_base::Environment;
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};

pub use needed::{Right, Visit};

/// Questions that are on their way at the same time.
const AT_ONCE: usize = 16;
/// Everything.
const ANY: &str = "*";

/// Asks whether the user of a context may do what a run does.
///
/// # Errors
/// [`Environment`], with each right that is missing.
pub async fn check(client: &Client, context: &str, visit: &Visit<'_>) -> Result<()> {
    let mut by_place: BTreeMap<String, BTreeSet<Right>> = BTreeMap::new();
    for (ns, right) in visit.needs(client).await? {
        by_place.entry(ns).or_default().insert(right);
    }
    let mut missing = BTreeMap::new();
    for (ns, rights) in by_place {
        // An administrator is asked once.
        if may(client, &ns, &Right::new(ANY, ANY, ANY)).await? {
            continue;
        }
        let asked = rights.len();
        let answers = stream::iter(rights).map(|right| {
            let ns = &ns;
            async move { anyhow::Ok((!may(client, ns, &right).await?).then_some(right)) }
        });
        let answers: Vec<Option<Right>> = answers.buffered(AT_ONCE).try_collect().await?;
        let lacking: Vec<Right> = answers.into_iter().flatten().collect();
        // Where a controller gives users their rights in a namespace once it is there, they have none in one that is not.
        if !lacking.is_empty() && (ns.is_empty() || lacking.len() < asked) {
            missing.insert(ns, lacking);
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(refusal(context, &missing).into()) }
}

/// The rights that are missing, by namespace; the empty one stands for the cluster.
fn refusal(context: &str, missing: &BTreeMap<String, Vec<Right>>) -> Environment {
    let in_place = |(ns, rights): (&String, &Vec<Right>)| {
        let rights: Vec<String> = rights.iter().map(|right| format!("`{right}`")).collect();
        let place = if ns.is_empty() { "in the cluster".to_owned() } else { format!("in the namespace `{ns}`") };
        format!("{} {place}", rights.join(", "))
    };
    let missing: Vec<String> = missing.iter().map(in_place).collect();
    let what = format!("the user of context `{context}` lacks rights: {}", missing.join("; "));
    Environment::hinted(what, "`Run on a cluster that exists` of the documents lists all rights, and what each is for")
}

async fn may(client: &Client, ns: &str, right: &Right) -> Result<bool> {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let resource_attributes = Some(ResourceAttributes {
        namespace: given(ns),
        verb: given(right.verb),
        group: given(&right.group),
        resource: given(&right.resource),
        subresource: given(right.subresource),
        ..ResourceAttributes::default()
    });
    let spec = SelfSubjectAccessReviewSpec { resource_attributes, ..SelfSubjectAccessReviewSpec::default() };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = reviews.create(&PostParams::default(), &review).await;
    let answer = answer.with_context(|| format!("ask the API server whether you may {right}"))?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a user learns of one missing right after the other, each after a run that was begun.
    #[test]
    fn all_missing_rights_are_named_at_once() {
        let right = |verb, group, resource| Right::new(verb, group, resource);
        let missing = BTreeMap::from([
            (String::new(), vec![right("create", "", "namespaces")]),
            ("a".to_owned(), vec![right("create", "", "pods").of("portforward"), right("list", "apps", "deployments")]),
        ]);
        let said = refusal("staging", &missing).to_string();
        let named = "lacks rights: `create namespaces` in the cluster; \
                     `create pods/portforward`, `list deployments.apps` in the namespace `a`";
        assert!(said.contains(named) && said.contains("`staging`"), "{said}");
    }
}
