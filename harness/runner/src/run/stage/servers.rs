//! The servers of a scenario: those that its lease brings beside the cluster, or pods in a namespace of their own.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use chartgate_cluster::backing::servers;
use chartgate_cluster::{Address, Postgres, ServerNamespace};
use chartgate_model::plan::Plan;
use chartgate_process::home;
use chartgate_redact::Redactor;
use futures::future::try_join_all;
use kube::Client;

use super::{Ground, Options, beside, create_namespace};

/// What our own pods run as in a namespace that enforces a profile: servers' images choose their users themselves.
const PROFILE: (&str, &str) = ("pod-security.kubernetes.io/enforce", "baseline");

/// Where the servers of a scenario run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServersAt {
    /// Beside the cluster: the lease brings them.
    Engine,
    /// As pods of the cluster.
    Cluster {
        /// Namespaces besides the release's that the scenario's objects are in.
        namespaces: BTreeSet<String>,
    },
}

impl ServersAt {
    /// The images of a plan's servers, where the cluster needs them.
    pub fn images(&self, plan: &Plan) -> Result<Vec<String>> {
        if *self == Self::Engine {
            return Ok(Vec::new());
        }
        let mut images: Vec<String> = servers(plan)?.into_values().map(|server| server.image).collect();
        if plan.databases().next().is_some() {
            images.push(home::image("POSTGRES")?);
        }
        Ok(images)
    }

    /// What the servers of a plan request of the cluster, in millicores.
    pub fn millicores(&self, plan: &Plan) -> u32 {
        let has_database = plan.databases().next().is_some();
        let own = plan.backing.len() - plan.databases().count();
        let count = if *self == Self::Engine { 0 } else { own + usize::from(has_database) };
        u32::try_from(count).unwrap_or(u32::MAX).saturating_mul(chartgate_cluster::MILLICORES)
    }

    /// The namespace of the servers of a release's namespace, if they are pods and there are some.
    pub fn namespace(&self, plan: &Plan, ns: &str) -> Option<String> {
        (*self != Self::Engine && !plan.backing.is_empty()).then(|| namespace(ns))
    }
}

/// The namespace of servers that are pods, beside a release's.
pub(super) fn namespace(ns: &str) -> String {
    format!("{ns}-backing")
}

/// The servers of a scenario.
pub(super) struct Servers {
    /// The one of its databases.
    pub(super) postgres: Option<Postgres>,
    /// The others, by name.
    pub(super) own: BTreeMap<String, Address>,
}

impl Servers {
    /// Starts those that the lease did not bring. All are ready when this returns.
    pub(super) async fn provide(
        plan: &Plan,
        options: &Options,
        ground: &Ground<'_>,
        client: &Client,
        redactor: &Redactor,
    ) -> Result<Self> {
        let Ground { lease, ns, servers: at } = *ground;
        let (ServersAt::Cluster { namespaces }, Some(own_ns)) = (at, at.namespace(plan, ns)) else {
            return Ok(Self { postgres: lease.postgres.clone(), own: lease.servers.clone() });
        };
        let labels = BTreeMap::from([(PROFILE.0.to_owned(), PROFILE.1.to_owned())]);
        create_namespace(client, lease, &own_ns, labels, plan).await?;
        if let Some(secret) = &options.pull_secret {
            secret.give(client, &own_ns, redactor).await?;
        }
        let place = ServerNamespace::new(client.clone(), lease.cluster.kubeconfig.clone(), own_ns);
        let mut namespaces = namespaces.clone();
        namespaces.extend([ns.to_owned(), beside(ns)]);
        place.open_to(&namespaces).await?;
        let follower = home::prober()?;
        let postgres = async {
            match plan.databases().next() {
                Some(_) => place.start_postgres(&follower).await.map(Some),
                None => Ok(None),
            }
        };
        let described = servers(plan)?;
        let own = try_join_all(
            described.iter().map(async |(name, server)| Ok((name.clone(), place.start(name, server).await?))),
        );
        let (postgres, own) = tokio::try_join!(postgres, own)?;
        if let Some(server) = &postgres {
            redactor.add(&server.password);
        }
        Ok(Self { postgres, own: own.into_iter().collect() })
    }
}

#[cfg(test)]
mod tests {
    use chartgate_model::plan::Backing;

    use super::*;

    /// A failure would mean that a scenario whose servers are pods waits for room that was given to another one.
    #[test]
    fn servers_take_room_of_the_cluster_where_they_are_pods() {
        let backing = [("main", Backing::Postgres), ("jobs", Backing::Postgres), ("cache", Backing::Redis)];
        let backing = backing.map(|(name, backing)| (name.to_owned(), backing)).into();
        let plan = Plan { backing, ..Plan::default() };
        let pods = ServersAt::Cluster { namespaces: BTreeSet::new() };
        // Both databases are on one server.
        assert_eq!(pods.millicores(&plan), 2 * chartgate_cluster::MILLICORES);
        assert_eq!(ServersAt::Engine.millicores(&plan), 0);
        assert_eq!(pods.namespace(&plan, "a").as_deref(), Some("a-backing"));
        assert_eq!((ServersAt::Engine.namespace(&plan, "a"), pods.namespace(&Plan::default(), "a")), (None, None));
    }
}
