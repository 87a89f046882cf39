//! Who may run: so many scenarios at once, and on the shared cluster only as many as its CPU is enough for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::super::provider::Progress;

/// What one scenario's pods and their share of the cluster take, in kB, as `/proc/meminfo` counts.
const JOB_MEMORY: u64 = 1 << 20;
/// What cluster and server take, and what the machine needs for itself, in kB.
const BASE_MEMORY: u64 = 2 << 20;
/// What Kubernetes' own pods request on a node that chartgate made: 180m, with one pod of its DNS and 25m for that, 50m for kube-proxy, and 10m
/// for kindnet.
const SYSTEM_MILLICORES: u32 = 300;
/// A cluster of its own takes as much of the machine as two scenarios on the shared one: it starts and runs a control plane.
const OF_OWN_CLUSTER: u32 = 2;

/// What there is to share between leases.
pub struct Admission {
    capacity: usize,
    slots: Arc<Semaphore>,
    /// CPU that the shared cluster has for releases, in millicores.
    millicores: u32,
    free: Arc<Semaphore>,
    /// Whose turn it is with each object outside all namespaces.
    turns: Mutex<BTreeMap<String, Arc<Semaphore>>>,
}

/// What a lease takes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Share {
    /// Of the shared cluster, what its pods request, while no other makes one of the same objects outside its namespaces.
    OfShared { millicores: u32, reaches: BTreeSet<String> },
    /// A cluster that is made for it.
    OwnCluster,
    /// Nothing of this machine's but the harness: it runs on a user's cluster.
    Elsewhere,
    /// The same, while no other does that reaches outside its namespaces: they would meet there.
    ElsewhereInTurn,
}

/// A lease's share; it is free again when this is dropped.
pub struct Admitted {
    _slot: OwnedSemaphorePermit,
    _millicores: Option<OwnedSemaphorePermit>,
    _turns: Vec<OwnedSemaphorePermit>,
}

impl Admission {
    /// What this machine has.
    pub fn of_this_machine() -> Self {
        Self::new(capacity(), millicores())
    }

    fn new(capacity: usize, millicores: u32) -> Self {
        Self {
            capacity,
            slots: Arc::new(Semaphore::new(capacity)),
            millicores,
            free: Arc::new(Semaphore::new(millicores as usize)),
            turns: Mutex::default(),
        }
    }

    /// How many leases are granted at once.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Waits until a lease may begin.
    pub async fn admit(&self, share: Share, progress: &Progress) -> Result<Admitted> {
        // First the turns and the CPU, then a slot: a lease that waits for a turn holds no CPU, and one that waits for either holds no slot,
        // which another may use that needs neither. The other way round costs nothing, since who waits for CPU needs a slot as well and
        // would get it later than this one.
        let turns = match &share {
            Share::OfShared { reaches, .. } => self.turns(reaches, progress).await?,
            Share::ElsewhereInTurn => self.turns(&BTreeSet::from([String::new()]), progress).await?,
            Share::OwnCluster | Share::Elsewhere => Vec::new(),
        };
        let mut millicores = None;
        if let Share::OfShared { millicores: wanted, .. } = &share {
            // One that is larger than the node gets all of it: it may still fit, and if not, its own pods say so.
            let wanted = (*wanted).min(self.millicores);
            if self.free.available_permits() < wanted as usize {
                progress.say(format!("waiting for {wanted}m CPU on the shared cluster"));
            }
            millicores = Some(Arc::clone(&self.free).acquire_many_owned(wanted).await?);
        }
        let slots = if share == Share::OwnCluster { OF_OWN_CLUSTER } else { 1 };
        let slots = slots.min(u32::try_from(self.capacity).unwrap_or(u32::MAX));
        if self.slots.available_permits() < slots as usize {
            progress
                .say(format!("waiting: {} scenarios run already (`CHARTGATE_JOBS` sets how many may)", self.capacity));
        }
        Ok(Admitted {
            _slot: Arc::clone(&self.slots).acquire_many_owned(slots).await?,
            _millicores: millicores,
            _turns: turns,
        })
    }

    /// Waits for the turn with each of these. All take theirs in the same order, so that no two wait for each other.
    async fn turns(&self, reaches: &BTreeSet<String>, progress: &Progress) -> Result<Vec<OwnedSemaphorePermit>> {
        let turn_of = |name: &String| {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(name.clone()).or_insert_with(|| Arc::new(Semaphore::new(1))))
        };
        let mut taken = Vec::new();
        for turn in reaches.iter().map(turn_of) {
            if turn.available_permits() == 0 {
                progress.say("waiting for another scenario whose chart reaches outside its namespace");
            }
            taken.push(turn.acquire_owned().await?);
        }
        Ok(taken)
    }
}

/// CPU that a node of this machine has for releases; some, so that a small machine runs one at a time.
fn millicores() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
    (cores * 1000).saturating_sub(SYSTEM_MILLICORES).max(500)
}

/// How many leases are granted at once: `CHARTGATE_JOBS`, else by cores and memory.
fn capacity() -> usize {
    let set = std::env::var("CHARTGATE_JOBS").ok().and_then(|jobs| jobs.parse().ok()).filter(|jobs| *jobs > 0);
    set.unwrap_or_else(|| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        capacity_of(cores, std::fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(available_memory))
    })
}

/// Two for each core, since most of a scenario is waiting, and a gigabyte for each; at least one.
fn capacity_of(cores: usize, memory: Option<u64>) -> usize {
    let by_memory =
        memory.map(|memory| usize::try_from(memory.saturating_sub(BASE_MEMORY) / JOB_MEMORY).unwrap_or(usize::MAX));
    (cores * 2).min(by_memory.unwrap_or(usize::MAX)).max(1)
}

/// `MemAvailable` of `/proc/meminfo`, in kB.
fn available_memory(meminfo: &str) -> Option<u64> {
    meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_small_machine_still_runs_one_scenario() {
        assert_eq!(capacity_of(2, Some(1 << 20)), 1);
        assert_eq!(capacity_of(2, Some(24 << 20)), 4);
        assert_eq!(capacity_of(16, Some(8 << 20)), 6);
        assert_eq!(capacity_of(4, None), 8);
    }

    #[test]
    fn available_memory_is_found() {
        assert_eq!(available_memory("MemTotal:  24 kB\nMemAvailable:   23000000 kB\n"), Some(23_000_000));
        assert_eq!(available_memory("nothing"), None);
    }

    /// A failure would mean that a scenario with a cluster of its own waits for CPU that it does not need.
    #[test]
    fn a_lease_that_waits_for_cpu_holds_no_slot() {
        let (admission, silent) = (Admission::new(2, 1000), Progress::new(|_| {}));
        let of_shared = |millicores| Share::OfShared { millicores, reaches: BTreeSet::new() };
        let running = admission.admit(of_shared(800), &silent).now_or_never().expect("there is room");
        let mut waiting = Box::pin(admission.admit(of_shared(400), &silent));
        assert!(waiting.as_mut().now_or_never().is_none());
        admission.admit(Share::Elsewhere, &silent).now_or_never().expect("a slot is free").unwrap();
        drop(running);
        waiting.now_or_never().expect("the CPU is free again").unwrap();
    }

    /// A failure would mean that four control planes start at once on two cores, and time out together.
    #[test]
    fn a_cluster_of_its_own_takes_two_slots() {
        let (admission, silent) = (Admission::new(3, 1000), Progress::new(|_| {}));
        let own = admission.admit(Share::OwnCluster, &silent).now_or_never().expect("there is room");
        assert!(admission.admit(Share::OwnCluster, &silent).now_or_never().is_none());
        admission.admit(Share::Elsewhere, &silent).now_or_never().expect("one is free").unwrap();
        drop(own);
        let small = Admission::new(1, 1000);
        small.admit(Share::OwnCluster, &silent).now_or_never().expect("a small machine runs one").unwrap();
    }

    /// A failure would mean that two scenarios of a chart with a `ClusterRole` meet in a user's cluster, or that others wait for them.
    #[test]
    fn what_reaches_outside_its_namespace_takes_turns() {
        let (admission, silent) = (Admission::new(3, 1000), Progress::new(|_| {}));
        let first = admission.admit(Share::ElsewhereInTurn, &silent).now_or_never().expect("it is the first");
        let mut second = Box::pin(admission.admit(Share::ElsewhereInTurn, &silent));
        assert!(second.as_mut().now_or_never().is_none());
        admission.admit(Share::Elsewhere, &silent).now_or_never().expect("a slot is free").unwrap();
        drop(first);
        second.now_or_never().expect("it is its turn").unwrap();
    }

    /// A failure would mean that two releases overwrite each other's `ClusterRole`, or that all charts with one wait for each other.
    #[test]
    fn what_has_the_same_name_outside_all_namespaces_takes_turns() {
        let (admission, silent) = (Admission::new(4, 1000), Progress::new(|_| {}));
        let reaching = |names: &[&str]| {
            let reaches = names.iter().map(|name| (*name).to_owned()).collect();
            Box::pin(admission.admit(Share::OfShared { millicores: 10, reaches }, &silent))
        };
        let first = reaching(&["clusterrole/a", "clusterrole/b"]).now_or_never().expect("it is the first");
        reaching(&["clusterrole/c"]).now_or_never().expect("nobody has it").unwrap();
        let mut second = reaching(&["clusterrole/b", "clusterrole/d"]);
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        second.now_or_never().expect("it is its turn").unwrap();
    }

    /// A failure would mean that a release larger than the node never begins.
    #[test]
    fn one_that_is_larger_than_the_node_gets_all_of_it() {
        let (admission, silent) = (Admission::new(2, 1000), Progress::new(|_| {}));
        let of_shared = |millicores| Share::OfShared { millicores, reaches: BTreeSet::new() };
        let _all = admission.admit(of_shared(9000), &silent).now_or_never().expect("there is room");
        assert!(admission.admit(of_shared(1), &silent).now_or_never().is_none());
    }
}
