//! A lease from its request to its end: granted, held, and cleaned up after.

use std::sync::{Arc, PoisonError};

use anyhow::{Context, Result};
use tokio::sync::mpsc;

use super::Broker;
use super::admission::Admitted;
use crate::kind::{self, Cluster};
use crate::protocol::{Ask, Reader, Tell};
use crate::provider::{Failure, Progress, Provider};
use crate::{Owned, Request, backing, error, namespace, server};

/// What a lease has, until it ends.
pub(super) struct Granted {
    pub(super) request: Request,
    pub(super) cluster: Option<Arc<Cluster>>,
    /// Name and making of a cluster of its own.
    pub(super) own: Option<(String, Arc<Provider<Cluster>>)>,
    pub(super) owned: Vec<Owned>,
    pub(super) admitted: Option<Admitted>,
}

impl Granted {
    pub(super) fn new(request: Request) -> Self {
        Self { request, cluster: None, own: None, owned: Vec::new(), admitted: None }
    }
}

impl Broker {
    /// Grants a lease and holds it until its connection ends.
    pub(super) async fn lease(&self, granted: &mut Granted, reader: &mut Reader, tell: &mpsc::UnboundedSender<Tell>) {
        self.log(&format!("{}: asks for {:?}", granted.request.run, granted.request.sharing));
        let ready = tokio::select! {
            ready = self.grant(granted, tell) => ready,
            // It says nothing before it has its answer, so this is its end.
            _ = reader.next::<Ask>() => return,
        };
        match ready {
            Ok(ready) => drop(tell.send(ready)),
            Err(error) => {
                self.log(&format!("{}: {}", granted.request.run, error::message(&error)));
                let Failure { error, environment } = Failure::from(&error);
                drop(tell.send(Tell::Error { error, environment }));
                return;
            }
        }
        self.log(&format!("{}: has its lease", granted.request.run));
        loop {
            match reader.next().await {
                Ok(Some(Ask::Owns(what))) => {
                    // It is not noted, so it must not be made.
                    if let Err(error) = self.note(&granted.request, &what) {
                        self.log(&format!(
                            "{}: failed to note {what}: {}",
                            granted.request.run,
                            error::message(&error)
                        ));
                        return;
                    }
                    granted.owned.push(what);
                }
                Ok(Some(Ask::Load(images))) => {
                    let progress = Progress::new(|_| ());
                    if let Some(cluster) = &granted.cluster
                        && let Err(error) = cluster.provide(&images, &[], &progress).await
                    {
                        // The pods that need one say so.
                        self.log(&format!("{}: failed to load images: {error:#}", granted.request.run));
                    }
                }
                Ok(Some(Ask::Release(what))) => {
                    self.forget(&granted.request, &what);
                    granted.owned.retain(|owned| *owned != what);
                }
                Ok(Some(Ask::End | Ask::Lease(_)) | None) | Err(_) => return,
            }
            drop(tell.send(Tell::Noted));
        }
    }

    /// Notes what is about to be made in a user's cluster: it does not go with the cluster.
    fn note(&self, request: &Request, what: &Owned) -> Result<()> {
        match what {
            Owned::Namespace(_) | Owned::Outside(_) if request.context.is_some() => {
                let _noting = self.noting.lock().unwrap_or_else(PoisonError::into_inner);
                self.entry.add(what)
            }
            _ => Ok(()),
        }
    }

    /// Forgets what is no longer in a user's cluster.
    fn forget(&self, request: &Request, what: &Owned) {
        if let (Owned::Namespace(_) | Owned::Outside(_), Some(_)) = (what, &request.context) {
            let _noting = self.noting.lock().unwrap_or_else(PoisonError::into_inner);
            self.say_failure(&request.run, self.entry.forget(what));
        }
    }

    /// Removes what a lease had. Its slot is free as soon as nothing of it runs.
    pub(super) async fn clean(&self, mut granted: Granted) {
        let run = granted.request.run.clone();
        self.log(&format!("{run}: ended, kept: {}", granted.request.keep));
        if granted.request.keep {
            return;
        }
        if let Some((name, making)) = granted.own.take() {
            making.stop().await;
            let number = name.rsplit('-').next().unwrap_or_default();
            let kubeconfig = self.entry.file(&format!("kubeconfig-{number}"));
            self.say_failure(&run, kind::remove(&name, &kubeconfig).await);
            // All that was in it went with it.
            granted.owned.retain(|owned| !matches!(owned, Owned::Namespace(_) | Owned::Outside(_)));
        }
        self.remove_outside(&mut granted).await;
        let mut namespaces = Vec::new();
        while let Some(owned) = granted.owned.pop() {
            let removed = match &owned {
                Owned::Namespace(name) => match &granted.cluster {
                    Some(cluster) => {
                        namespaces.push((cluster.client(), name.clone()));
                        namespace::delete(cluster.client(), name).await
                    }
                    None => Ok(()),
                },
                // They went before the namespaces.
                Owned::Outside(_) => Ok(()),
                Owned::Database(name) => match self.postgres.made() {
                    Some(server) => backing::drop_database(&server, name).await,
                    None => Ok(()),
                },
                Owned::Container(name) => server::remove(name).await,
            };
            self.say_failure(&run, removed.with_context(|| format!("failed to remove {owned}")));
        }
        // Nothing of it runs any more, so the next may start while the cluster clears away the rest.
        drop(granted.admitted.take());
        for (client, name) in namespaces {
            let gone = namespace::gone(client, &name).await;
            if gone.is_ok() {
                self.forget(&granted.request, &Owned::Namespace(name));
            }
            self.say_failure(&run, gone);
        }
        self.log(&format!("{run}: nothing of it is left"));
    }

    /// Removes what a lease made outside its namespaces, all at once, while what runs in these may still have to let go of it.
    async fn remove_outside(&self, granted: &mut Granted) {
        let Some(client) = granted.cluster.as_ref().map(|cluster| cluster.client()) else { return };
        let outside = granted.owned.extract_if(.., |owned| matches!(owned, Owned::Outside(_))).collect::<Vec<_>>();
        let remove = async |owned: Owned| {
            let Owned::Outside(object) = &owned else { return };
            let removed = object.delete(&client).await;
            if removed.is_ok() {
                self.forget(&granted.request, &owned);
            }
            self.say_failure(&granted.request.run, removed.with_context(|| format!("failed to remove {owned}")));
        };
        futures::future::join_all(outside.into_iter().map(remove)).await;
    }
}
