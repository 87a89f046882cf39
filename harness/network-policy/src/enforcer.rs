//! Watches pods, namespaces and policies, and loads the ruleset whenever it changes.

use std::fmt::Debug;
use std::process::Stdio;

use crate::{Cluster, ruleset};
use anyhow::{Context, Result, ensure};
use futures::stream::{BoxStream, select_all};
use futures::{FutureExt, StreamExt};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::{Store, store};
use kube::runtime::watcher::{Config, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt;

use crate::arrivals::Arrivals;

/// Runs until something fails; the kubelet starts it again. What was loaded stays in the kernel meanwhile.
pub async fn run(node: &str) -> Result<()> {
    let client = Client::try_default().await.context("read the service account")?;
    let (pods, pod_changes) = follow::<Pod>(&client);
    let (namespaces, namespace_changes) = follow::<Namespace>(&client);
    let (policies, policy_changes) = follow::<NetworkPolicy>(&client);
    let mut changes = select_all([pod_changes, namespace_changes, policy_changes]);
    let mut arrivals = Arrivals::listen()?;
    let mut loaded = String::new();
    loop {
        tokio::select! {
            change = changes.next() => change.context("go on with the watches")?,
            () = arrivals.next() => {}
        }
        // One ruleset for all that came at once.
        while changes.next().now_or_never().flatten().is_some() {}
        if !(is_complete(&pods) && is_complete(&namespaces) && is_complete(&policies)) {
            continue;
        }
        let pods = arrivals.join(pods.state());
        let wanted = ruleset(&Cluster { pods, namespaces: namespaces.state(), policies: policies.state() }, node);
        if wanted != loaded {
            load(&wanted).await?;
            println!("loaded a ruleset of {} chains", wanted.matches("\tchain ").count());
            loaded = wanted;
        }
        arrivals.admit().await;
    }
}

/// All objects of a kind, kept up to date while the stream of their changes is read.
fn follow<K>(client: &Client) -> (Store<K>, BoxStream<'static, ()>)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let (objects, writer) = store();
    let changes = watcher(Api::all(client.clone()), Config::default()).default_backoff().reflect(writer);
    let changes = changes.map(|change| {
        if let Err(error) = change {
            eprintln!("watch of {}s: {error}", K::kind(&()));
        }
    });
    (objects, changes.boxed())
}

/// Whether the first list has come.
fn is_complete<K: Resource<DynamicType = ()> + Clone + 'static>(objects: &Store<K>) -> bool {
    objects.wait_until_ready().now_or_never().is_some()
}

/// Puts the ruleset in the last one's place, or changes nothing.
async fn load(ruleset: &str) -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "the container's one process; `nft` ends at once")]
    let mut nft = tokio::process::Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("start `nft`")?;
    nft.stdin.take().context("open `nft`'s input")?.write_all(ruleset.as_bytes()).await.context("write the ruleset")?;
    let status = nft.wait().await.context("await `nft`")?;
    ensure!(status.success(), "`nft` ended with {status} on this ruleset:\n{ruleset}");
    Ok(())
}
