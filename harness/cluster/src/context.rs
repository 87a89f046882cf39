//! An existing cluster, as one context of the user's kubeconfig describes it.

use std::fmt;
use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chartgate_process::home::Environment;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{engine, error};

/// An API server that is there answers within a second, behind a plugin for credentials within a few.
const ANSWER: Duration = Duration::from_secs(20);
/// The API server's port inside the container of a kind cluster that publishes it.
const API_SERVER: u16 = 6443;

/// A context of the user's kubeconfig, apart from all others.
#[derive(Clone, Serialize, Deserialize)]
pub struct KubeContext {
    name: String,
    /// A kubeconfig that holds this context alone, as JSON, which is YAML too. It holds credentials.
    kubeconfig: String,
}

impl fmt::Debug for KubeContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubeContext").field("name", &self.name).finish_non_exhaustive()
    }
}

impl KubeContext {
    /// Reads a context from the files that `KUBECONFIG` lists, else from `~/.kube/config`. Which one is current does not count.
    ///
    /// # Errors
    /// [`Environment`] if there is no context of this name; it lists those that are there.
    pub fn read(name: &str) -> Result<Self> {
        let set = std::env::var_os("KUBECONFIG").filter(|list| !list.is_empty());
        let files: Vec<PathBuf> = match &set {
            Some(list) => std::env::split_paths(list).collect(),
            None => std::env::home_dir().map(|home| home.join(".kube/config")).into_iter().collect(),
        };
        Self::of(&read_all(&files)?, name)
    }

    fn of(all: &Kubeconfig, name: &str) -> Result<Self> {
        let Some(context) = all.contexts.iter().find(|context| context.name == name) else {
            let known: Vec<_> = all.contexts.iter().map(|context| format!("`{}`", context.name)).collect();
            let known = if known.is_empty() { "none, or is not there".to_owned() } else { known.join(", ") };
            return Err(Environment::hinted(
                format!("your kubeconfig has no context `{name}`"),
                format!("it has {known}"),
            )
            .into());
        };
        let (cluster, user) = context.context.as_ref().map(|it| (it.cluster.as_str(), it.user.as_deref())).unzip();
        let user = user.flatten();
        let alone = Kubeconfig {
            kind: Some("Config".to_owned()),
            api_version: Some("v1".to_owned()),
            current_context: Some(name.to_owned()),
            contexts: vec![context.clone()],
            clusters: all.clusters.iter().filter(|it| Some(it.name.as_str()) == cluster).cloned().collect(),
            auth_infos: all.auth_infos.iter().filter(|it| Some(it.name.as_str()) == user).cloned().collect(),
            ..Kubeconfig::default()
        };
        if alone.clusters.is_empty() {
            let named = cluster.unwrap_or_default();
            let hint = "hint: `kubectl config view` shows what it has";
            return Err(Environment::new(format!(
                "context `{name}` names no cluster that is there: `{named}`\n{hint}"
            ))
            .into());
        }
        // As a value first: its maps are sorted, so that equal contexts have equal texts.
        Ok(Self { name: name.to_owned(), kubeconfig: serde_json::to_value(&alone)?.to_string() })
    }

    /// The name that the user gave it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tells it from every other context, also from one of the same name: by cluster and credentials.
    pub fn fingerprint(&self) -> String {
        STANDARD.encode(Sha256::digest(&self.kubeconfig))
    }

    /// Writes a kubeconfig that holds this context alone, for the user's eyes only.
    pub fn write(&self, path: &Path) -> Result<()> {
        let write = || {
            let mut file: File = File::options().create(true).truncate(true).write(true).mode(0o600).open(path)?;
            // It may have been there already.
            file.set_permissions(Permissions::from_mode(0o600))?;
            file.write_all(self.kubeconfig.as_bytes())
        };
        write().with_context(|| format!("failed to write `{}`", path.display()))
    }

    /// A client of its API server, and the namespace that the context names.
    pub(crate) async fn client(&self) -> Result<(Client, String)> {
        let config = self.config().await?;
        let namespace = config.default_namespace.clone();
        Ok((Client::try_from(config)?, namespace))
    }

    /// The version of Kubernetes that the API server says it is, for example `v1.34.1`.
    ///
    /// # Errors
    /// [`Environment`] if it does not answer.
    pub async fn version(&self) -> Result<String> {
        let ask = async {
            let (client, _) = self.client().await?;
            anyhow::Ok(client.apiserver_version().await?.git_version)
        };
        let waited = || format!("waited {} s", ANSWER.as_secs());
        let answer = tokio::time::timeout(ANSWER, ask).await.with_context(waited).flatten();
        answer.map_err(|error| {
            let error = anyhow::Error::msg(error::message(&error));
            let hint = format!("`kubectl --context {} version` asks it as well", self.name);
            let what = format!("the API server of context `{}` does not answer", self.name);
            Environment::because(&what, &error, &hint).into()
        })
    }

    /// The containers that are the nodes of this cluster, the control plane first, if it is a kind cluster of the local engine.
    pub async fn nodes(&self) -> Result<Vec<String>> {
        let config = self.config().await?;
        let (Some(host), Some(port)) = (config.cluster_url.host(), config.cluster_url.port_u16()) else {
            return Ok(Vec::new());
        };
        let format = r#"{{.Label "io.x-k8s.kind.cluster"}} {{.Label "io.x-k8s.kind.role"}} {{.Names}} {{.Ports}}"#;
        // Without an engine it is none of its clusters.
        let running = engine::running_containers("label=io.x-k8s.kind.cluster", format).await;
        let Ok(containers) = running else { return Ok(Vec::new()) };
        Ok(nodes_of(&containers.join("\n"), &self.name, host, port))
    }

    async fn config(&self) -> Result<Config> {
        let alone: Kubeconfig = serde_json::from_str(&self.kubeconfig)?;
        Ok(Config::from_custom_kubeconfig(alone, &KubeConfigOptions::default()).await?)
    }
}

/// All that these files hold; of two things of one name, the first counts. A file that is not there is passed over, as by kubectl.
fn read_all(files: &[PathBuf]) -> Result<Kubeconfig> {
    let mut all = Kubeconfig::default();
    for file in files.iter().filter(|file| file.exists()) {
        let read = || format!("failed to read `{}`", file.display());
        // What it names is made absolute by its own folder: the broker's working directory is another.
        let next = Kubeconfig::read_from(std::path::absolute(file)?).map_err(anyhow::Error::from);
        all = next.and_then(|next| Ok(all.merge(next)?)).with_context(|| Environment::new(read()))?;
    }
    Ok(all)
}

/// The nodes among containers (`CLUSTER ROLE NAME PORTS` lines) whose cluster's API server is published at this address.
///
/// The port alone is not enough: a cluster elsewhere may have the same one.
fn nodes_of(containers: &str, context: &str, host: &str, port: u16) -> Vec<String> {
    let is_local = ["127.0.0.1", "localhost", "0.0.0.0", "[::1]"].contains(&host);
    let published = format!(":{port}->{API_SERVER}/tcp");
    let lines = || containers.lines().map(|line| line.splitn(4, ' ').collect::<Vec<_>>());
    let ours = lines().find_map(|line| match line[..] {
        [cluster, _, _, ports] => {
            let is_named = context.strip_prefix("kind-") == Some(cluster);
            (ports.contains(&published) && (is_local || is_named)).then_some(cluster)
        }
        _ => None,
    });
    let mut nodes: Vec<_> = lines()
        .filter_map(|line| match line[..] {
            // A cluster with several control planes has a container that is no node: it spreads the load.
            [cluster, role @ ("control-plane" | "worker"), name, ..] if Some(cluster) == ours => Some((role, name)),
            _ => None,
        })
        .collect();
    nodes.sort_unstable();
    nodes.into_iter().map(|(_, name)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chartgate_process::home::is_environment;

    const MINE: &str = "
apiVersion: v1
kind: Config
current-context: other
preferences: {colors: true}
clusters:
- {name: mine, cluster: {server: 'https://10.0.0.1:6443', certificate-authority: certs/ca.crt}}
- {name: other, cluster: {server: 'https://10.0.0.2:6443'}}
users:
- {name: me, user: {client-certificate: me.crt, client-key: me.key}}
- {name: other, user: {token: secret-of-another}}
contexts:
- {name: mine, context: {cluster: mine, user: me, namespace: apps}}
- {name: other, context: {cluster: other, user: other}}
- {name: broken, context: {cluster: gone, user: me}}
";

    /// A folder of the test's own with a kubeconfig, removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let folder = std::env::temp_dir().join(format!("chartgate-{}", chartgate_base::random::text(8)));
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("config"), MINE).unwrap();
            Self(folder)
        }

        fn context(&self, name: &str) -> Result<KubeContext> {
            KubeContext::of(&read_all(&[self.0.join("missing"), self.0.join("config")])?, name)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).ok();
        }
    }

    /// Else a broker would hold credentials of clusters that nobody asked it to touch.
    #[test]
    fn nothing_of_other_contexts_is_taken() {
        let text = Folder::new().context("mine").unwrap().kubeconfig;
        assert!(!text.contains("other") && !text.contains("preferences"), "{text}");
        let alone: Kubeconfig = serde_json::from_str(&text).unwrap();
        assert_eq!(alone.current_context.as_deref(), Some("mine"));
        assert_eq!((alone.contexts.len(), alone.clusters.len(), alone.auth_infos.len()), (1, 1, 1));
    }

    #[test]
    fn paths_of_certificates_are_absolute() {
        let folder = Folder::new();
        let alone: Kubeconfig = serde_json::from_str(&folder.context("mine").unwrap().kubeconfig).unwrap();
        let path = |name: &str| Some(folder.0.join(name).display().to_string());
        let user = alone.auth_infos[0].auth_info.as_ref().unwrap();
        assert_eq!(alone.clusters[0].cluster.as_ref().unwrap().certificate_authority, path("certs/ca.crt"));
        assert_eq!((user.client_certificate.clone(), user.client_key.clone()), (path("me.crt"), path("me.key")));
    }

    #[test]
    fn an_unknown_context_is_answered_with_those_that_are_there() {
        let error = Folder::new().context("nine").unwrap_err();
        assert!(is_environment(&error));
        assert!(error.to_string().ends_with("hint: it has `mine`, `other`, `broken`"), "{error}");
        let broken = Folder::new().context("broken").unwrap_err();
        assert!(is_environment(&broken) && broken.to_string().contains("`gone`"), "{broken}");
    }

    /// Else a run would go to the cluster that had this name before.
    #[test]
    fn a_context_of_the_same_name_and_another_cluster_is_another() {
        let folder = Folder::new();
        let context = folder.context("mine").unwrap();
        assert_eq!(context.fingerprint(), folder.context("mine").unwrap().fingerprint());
        std::fs::write(folder.0.join("config"), MINE.replace("10.0.0.1", "10.0.0.3")).unwrap();
        assert_ne!(context.fingerprint(), folder.context("mine").unwrap().fingerprint());
    }

    #[test]
    fn what_is_written_and_shown_keeps_credentials_to_the_user() {
        let folder = Folder::new();
        let context = folder.context("other").unwrap();
        let path = folder.0.join("alone");
        std::fs::write(&path, "").unwrap();
        context.write(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(std::fs::read_to_string(&path).unwrap().contains("secret-of-another"));
        assert!(!format!("{context:?}").contains("secret-of-another"));
    }

    /// Else images are put on the nodes of a cluster that the run is not about.
    #[test]
    fn a_kind_cluster_is_known_by_the_port_that_it_publishes() {
        let containers = "\
a worker a-worker \n\
a control-plane a-control-plane 127.0.0.1:32839->6443/tcp\n\
a external-load-balancer a-external-load-balancer \n\
b control-plane b-control-plane 0.0.0.0:80->80/tcp, 127.0.0.1:41000->6443/tcp\n";
        assert_eq!(nodes_of(containers, "renamed", "127.0.0.1", 32839), ["a-control-plane", "a-worker"]);
        assert_eq!(nodes_of(containers, "kind-b", "10.1.1.1", 41000), ["b-control-plane"]);
        for (context, host, port) in [("kind-a", "127.0.0.1", 6443), ("far", "10.1.1.1", 32839), ("x", "localhost", 80)]
        {
            assert!(nodes_of(containers, context, host, port).is_empty(), "{context}");
        }
    }
}
