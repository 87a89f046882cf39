//! The Secret with which a cluster pulls chartgate's own images, by its name in the user's cluster.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result};
use chartgate_base::Environment;
use chartgate_redact::Redactor;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;

/// Where the Secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullSecret {
    /// `None`: the context's own.
    namespace: Option<String>,
    name: String,
}

impl FromStr for PullSecret {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (namespace, name) = text.split_once('/').map_or((None, text), |(namespace, name)| (Some(namespace), name));
        let is_name = |name: &str| {
            let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
            !name.is_empty() && name.chars().all(is_allowed)
        };
        if !is_name(name) || !namespace.is_none_or(is_name) {
            return Err("expected the name of a Secret, or NAMESPACE/NAME".to_owned());
        }
        Ok(Self { namespace: namespace.map(str::to_owned), name: name.to_owned() })
    }
}

impl fmt::Display for PullSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = self.namespace.as_ref().map_or(String::new(), |namespace| format!("{namespace}/"));
        write!(out, "{namespace}{}", self.name)
    }
}

impl PullSecret {
    /// Copies it into a namespace of chartgate's own, whose pods use it from then on.
    ///
    /// # Errors
    /// [`Environment`] if the cluster has no such Secret.
    pub async fn give(&self, client: &Client, ns: &str, redactor: &Redactor) -> Result<()> {
        let from = self.namespace.as_deref().unwrap_or_else(|| client.default_namespace());
        let known: Api<Secret> = Api::namespaced(client.clone(), from);
        let found = known
            .get_opt(&self.name)
            .await
            .with_context(|| format!("read secret/{} of the namespace `{from}`", self.name))?;
        let Some(secret) = found else {
            let what = format!("the cluster has no secret/{} in the namespace `{from}`", self.name);
            let hint = "name one with `--image-pull-secret NAMESPACE/NAME`, as `kubectl create secret docker-registry` makes it";
            return Err(Environment::hinted(what, hint).into());
        };
        for (key, value) in secret.data.iter().flatten() {
            redactor.add_entry(key, &value.0);
        }
        let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
        let copy = Secret { metadata, data: secret.data, type_: secret.type_, ..Secret::default() };
        let own: Api<Secret> = Api::namespaced(client.clone(), ns);
        own.create(&PostParams::default(), &copy)
            .await
            .with_context(|| format!("copy secret/{} to `{ns}`", self.name))?;
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), ns);
        let patch = Patch::Merge(json!({"imagePullSecrets": [{"name": self.name}]}));
        let patched = accounts.patch("default", &PatchParams::default(), &patch).await;
        patched.with_context(|| format!("let the pods of `{ns}` use secret/{}", self.name))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a Secret of another namespace is looked for in vain, after the namespaces were made.
    #[test]
    fn a_secret_is_named_with_or_without_its_namespace() {
        for written in ["regcred", "ci/regcred"] {
            assert_eq!(written.parse::<PullSecret>().unwrap().to_string(), written);
        }
        for wrong in ["", "/x", "x/", "a/b/c", "Reg Cred"] {
            assert!(wrong.parse::<PullSecret>().is_err(), "{wrong}");
        }
    }
}
