//! Whether a user may do in a cluster of theirs what servers there need: asked before anything is made.

use std::fmt;

use anyhow::{Context, Result};
use chartgate_base::Environment;
use futures::future::try_join_all;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};

/// Something that a user may do in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Right {
    verb: &'static str,
    /// Group of the resource; empty for Kubernetes' core.
    group: &'static str,
    resource: &'static str,
    /// Empty: the resource itself.
    subresource: &'static str,
}

const fn right(verb: &'static str, group: &'static str, resource: &'static str, subresource: &'static str) -> Right {
    Right { verb, group, resource, subresource }
}

/// What servers that are pods need, in the namespace that is made for them. An API server asks for `get` where a connection is begun
/// as a websocket, and a newer one for `create` as well.
const OF_SERVERS: [Right; 10] = [
    right("create", "", "secrets", ""),
    right("create", "", "pods", ""),
    right("get", "", "pods", ""),
    right("list", "", "pods", ""),
    right("get", "", "pods", "log"),
    right("get", "", "pods", "exec"),
    right("create", "", "pods", "exec"),
    right("get", "", "pods", "portforward"),
    right("create", "", "pods", "portforward"),
    right("create", "networking.k8s.io", "networkpolicies", ""),
];

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verb, group, resource, subresource } = self;
        write!(f, "{verb} {resource}")?;
        if !group.is_empty() {
            write!(f, ".{group}")?;
        }
        if subresource.is_empty() { Ok(()) } else { write!(f, "/{subresource}") }
    }
}

/// Asks whether the user of a context may start servers in a namespace, which need not be there.
///
/// # Errors
/// [`Environment`], with each right that is missing.
pub async fn check_servers(client: &Client, context: &str, ns: &str) -> Result<()> {
    let asked = OF_SERVERS.iter().map(async |right| Ok((!may(client, ns, right).await?).then_some(*right)));
    let asked: Result<Vec<_>> = try_join_all(asked).await;
    match refusal(context, ns, asked?.into_iter().flatten()) {
        Some(refused) => Err(refused.into()),
        None => Ok(()),
    }
}

fn refusal(context: &str, ns: &str, missing: impl Iterator<Item = Right>) -> Option<Environment> {
    let missing: Vec<_> = missing.map(|right| format!("`{right}`")).collect();
    (!missing.is_empty()).then(|| {
        let missing = missing.join(", ");
        let what = format!("the user of context `{context}` lacks rights in the namespace `{ns}`: {missing}");
        let hint =
            "servers of `backing` are pods there; `Run on a cluster that exists` of the documents lists all rights";
        Environment::hinted(what, hint)
    })
}

async fn may(client: &Client, ns: &str, right: &Right) -> Result<bool> {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let resource_attributes = Some(ResourceAttributes {
        namespace: given(ns),
        verb: given(right.verb),
        group: given(right.group),
        resource: given(right.resource),
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
        let missing = OF_SERVERS.into_iter().filter(|right| right.verb == "create" && right.resource != "secrets");
        let said = refusal("staging", "a-backing", missing).unwrap().to_string();
        for name in
            ["`create pods`", "`create pods/portforward`", "`create networkpolicies.networking.k8s.io`", "`staging`"]
        {
            assert!(said.contains(name), "{said}");
        }
        assert!(refusal("staging", "a-backing", std::iter::empty()).is_none());
    }

    /// A failure would mean that a user with the rights that the document lists is refused, or that it lists too many.
    #[test]
    fn the_document_lists_each_right() {
        let document = include_str!("../../../../docs/src/how-to/existing-cluster.md");
        for Right { verb, group, resource, subresource } in OF_SERVERS {
            let named = |word: &str| format!("`{word}`");
            let is_row = |line: &&str| {
                let is_of = subresource.is_empty() || line.contains(&named(subresource));
                is_of && line.contains(&named(resource)) && line.contains(&named(verb))
            };
            let row = document
                .lines()
                .find(is_row)
                .unwrap_or_else(|| panic!("no line has `{verb}` of `{resource}/{subresource}`"));
            assert!(row.contains(group), "{row}");
        }
    }
}
