//! How many leases there are: the broker ends when there are none.

use tokio::sync::watch;

/// The number of leases that are held.
pub struct Leases(watch::Sender<usize>);

impl Leases {
    /// There are none yet.
    pub fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Counts one, until what is returned is dropped: also when its task panics or is aborted.
    pub fn count(&self) -> Counted {
        self.0.send_modify(|leases| *leases += 1);
        Counted(self.0.clone())
    }

    /// How many there are, now and later.
    pub fn watch(&self) -> watch::Receiver<usize> {
        self.0.subscribe()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self.0.borrow() == 0
    }
}

/// A lease that counts.
pub struct Counted(watch::Sender<usize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|leases| *leases -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that the broker never ends, and its clusters stay.
    #[tokio::test]
    async fn a_lease_whose_task_panics_is_no_longer_counted() {
        let leases = Leases::new();
        let counted = leases.count();
        let ended = tokio::spawn(async move {
            let _counted = counted;
            panic!("a fault of the broker");
        });
        assert!(ended.await.unwrap_err().is_panic() && leases.is_empty());
    }
}
