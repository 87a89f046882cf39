//! What a lease is granted: its share of the machine, a cluster with its images, and servers.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use anyhow::{Result, bail};
use chartgate_base::{Environment, random};
use tokio::sync::mpsc;

use super::admission::Share;
use super::lease::Granted;
use super::{Broker, LINGER};
use crate::kind::Cluster;
use crate::protocol::Tell;
use crate::provider::{Progress, Provider};
use crate::server::{self, postgres};
use crate::{Address, Databases, Owned, Postgres, Request, Sharing};

impl Broker {
    pub(super) async fn grant(&self, granted: &mut Granted, tell: &mpsc::UnboundedSender<Tell>) -> Result<Tell> {
        let progress = Progress::new({
            let tell = tell.clone();
            move |what| drop(tell.send(Tell::Progress(what)))
        });
        let share = match (&granted.request.context, granted.request.sharing) {
            (Some(_), Sharing::InTurn) => Share::ElsewhereInTurn,
            (Some(_), _) => Share::Elsewhere,
            (None, Sharing::Shared | Sharing::InTurn) => {
                let Request { millicores, reaches, .. } = &granted.request;
                Share::OfShared { millicores: *millicores, reaches: reaches.clone() }
            }
            (None, Sharing::Own { .. }) => Share::OwnCluster,
        };
        granted.admitted = Some(self.admission.admit(share, &progress).await?);
        if granted.request.keep {
            self.entry.keep()?;
        }
        let linger = granted.request.keep_warm.unwrap_or(LINGER).max(LINGER);
        *self.linger.lock().unwrap_or_else(PoisonError::into_inner) = linger;
        let cluster = async {
            let cluster = match granted.request.sharing {
                Sharing::Shared | Sharing::InTurn => self.shared_cluster(&granted.request, &progress).await?,
                Sharing::Own { .. } if granted.request.context.is_some() => {
                    bail!("a user's cluster is no one's own");
                }
                Sharing::Own { nodes } => self.own_cluster(nodes, &mut granted.own, &progress).await?,
            };
            let (missing, ()) = tokio::try_join!(
                cluster.provide(&granted.request.images, &granted.request.needed_images, &progress),
                cluster.dns(&progress)
            )?;
            Ok((cluster, missing))
        };
        let request = granted.request.clone();
        // Before they are made: the lease's end removes them in whatever state.
        let containers: Vec<String> =
            request.servers.keys().map(|_| format!("{}-server-{}", self.entry.name(), random::text(6))).collect();
        granted.owned.extend(containers.iter().cloned().map(Owned::Container));
        let own = format!("{}-postgres-{}", self.entry.name(), random::text(6));
        if request.postgres == Databases::Own {
            granted.owned.push(Owned::Container(own.clone()));
        }
        let servers = async {
            if request.postgres == Databases::None && request.servers.is_empty() {
                return Ok((None, BTreeMap::new()));
            }
            if let Some(context) = &request.context
                && !self.shared_cluster(&request, &progress).await?.capabilities().container_network
            {
                let hint = "leave out `--backing engine`: then the servers are pods of the cluster";
                let name = context.name();
                let what = format!(
                    "context `{name}` is no kind cluster of this machine, so its pods reach no server of the engine"
                );
                return Err(Environment::hinted(what, hint).into());
            }
            let postgres = async {
                match request.postgres {
                    Databases::None => Ok(None),
                    Databases::Shared => self.postgres(&progress).await.map(Some),
                    Databases::Own => postgres::start(&self.entry, &own, &progress).await.map(Some),
                }
            };
            tokio::try_join!(postgres, self.servers(&request, &containers, &progress))
        };
        // Both at once; the servers' making waits for the network that the cluster's brings.
        let ((cluster, missing), (postgres, servers)) = tokio::try_join!(cluster, servers)?;
        let ready = Tell::Ready { cluster: cluster.access(missing), postgres: postgres.map(Box::new), servers };
        granted.cluster = Some(cluster);
        Ok(ready)
    }

    async fn shared_cluster(&self, request: &Request, progress: &Progress) -> Result<Arc<Cluster>> {
        let context = request.context.clone();
        self.shared.start(|progress| {
            let (entry, node_image, kubernetes) =
                (Arc::clone(&self.entry), self.node_image.clone(), self.kubernetes.clone());
            async move {
                match context {
                    Some(context) => Cluster::existing(&entry, &context, &progress).await,
                    None => Cluster::shared(entry, &node_image, &kubernetes, &progress).await,
                }
            }
        });
        let is_left = *self.maker.get_or_init(|| request.process) != request.process;
        let cluster = self.shared.get(progress).await?;
        if is_left {
            progress.say(format!("using cluster {}, which an earlier run left", cluster.name()));
        }
        Ok(cluster)
    }

    async fn own_cluster(
        &self,
        nodes: u8,
        own: &mut Option<(String, Arc<Provider<Cluster>>)>,
        progress: &Progress,
    ) -> Result<Arc<Cluster>> {
        if nodes == 0 {
            bail!("a cluster has at least one node");
        }
        let number = self.own.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("{}-{number}", self.entry.name());
        let kubeconfig = self.entry.file(&format!("kubeconfig-{number}"));
        let provider = Arc::new(Provider::new());
        // Before it is made: the lease's end removes it in whatever state.
        *own = Some((name.clone(), Arc::clone(&provider)));
        provider.start(|progress| {
            let (node_image, kubernetes) = (self.node_image.clone(), self.kubernetes.clone());
            async move { Cluster::create(&name, kubeconfig, nodes, &node_image, &kubernetes, &progress).await }
        });
        provider.get(progress).await
    }

    async fn postgres(&self, progress: &Progress) -> Result<Postgres> {
        self.postgres.start(|progress| {
            let entry = Arc::clone(&self.entry);
            async move { postgres::provide(&entry, &progress).await }
        });
        Ok(self.postgres.get(progress).await?.as_ref().clone())
    }

    /// Starts the lease's own servers in these containers, all at once.
    async fn servers(
        &self,
        request: &Request,
        containers: &[String],
        progress: &Progress,
    ) -> Result<BTreeMap<String, Address>> {
        let starts = request.servers.iter().zip(containers).map(async |((name, server), container)| {
            Ok((name.clone(), server::start(&self.entry, container, server, progress).await?))
        });
        let started: Result<Vec<_>> = futures::future::try_join_all(starts).await;
        Ok(started?.into_iter().collect())
    }
}
