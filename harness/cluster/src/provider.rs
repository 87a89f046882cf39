//! Something that is made once, when it is first wanted, and that all who want it wait for.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, anyhow};
use chartgate_process::home::{self, Environment};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Doing;
use super::caught::caught;
use crate::error;

/// How something's making goes.
enum State<T> {
    /// It is being made, and what is being done.
    Making(Doing),
    Made(Arc<T>),
    Failed(Failure),
}

/// An error that many are told.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The whole chain, in words.
    pub error: String,
    /// Whether the environment is at fault.
    pub environment: bool,
}

impl From<&anyhow::Error> for Failure {
    fn from(error: &anyhow::Error) -> Self {
        Self { error: error::message(error), environment: home::is_environment(error) }
    }
}

impl From<Failure> for anyhow::Error {
    fn from(failure: Failure) -> Self {
        if failure.environment { Environment::new(failure.error).into() } else { anyhow!(failure.error) }
    }
}

/// Says what is being done.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(Doing) + Send + Sync>);

impl Progress {
    /// Says it through this function.
    pub fn new(say: impl Fn(Doing) + Send + Sync + 'static) -> Self {
        Self(Arc::new(say))
    }

    /// Says it.
    pub fn say(&self, what: impl Into<Doing>) {
        (self.0)(what.into());
    }
}

/// Something that is made once. Its making goes on if the one who wanted it first is gone.
pub struct Provider<T> {
    state: watch::Sender<State<T>>,
    making: Mutex<Option<JoinHandle<()>>>,
}

impl<T: Send + Sync + 'static> Provider<T> {
    /// Nothing has been made yet.
    pub fn new() -> Self {
        Self { state: watch::Sender::new(State::Making(Doing::default())), making: Mutex::new(None) }
    }

    /// Starts the making, unless it was started before.
    pub fn start<Fut>(&self, make: impl FnOnce(Progress) -> Fut)
    where
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if making.is_none() {
            let state = self.state.clone();
            let progress = Progress::new({
                let state = state.clone();
                move |what| drop(state.send_replace(State::Making(what)))
            });
            let work = make(progress);
            *making = Some(tokio::spawn(async move {
                // A panic is a failure as well: else all who want it wait for ever.
                let result = caught(work).await.and_then(|made| made);
                state.send_replace(match result {
                    Ok(value) => State::Made(Arc::new(value)),
                    Err(error) => State::Failed(Failure::from(&error)),
                });
            }));
        }
    }

    /// Waits until it is made, and says what is being done meanwhile.
    pub async fn get(&self, progress: &Progress) -> Result<Arc<T>> {
        let mut state = self.state.subscribe();
        loop {
            let now = state.borrow_and_update().clone();
            match now {
                State::Made(made) => return Ok(made),
                State::Failed(failure) => return Err(failure.into()),
                State::Making(doing) if doing.what.is_empty() => {}
                State::Making(doing) => progress.say(doing),
            }
            state.changed().await?;
        }
    }

    /// What was made; `None`: nothing yet.
    pub fn made(&self) -> Option<Arc<T>> {
        match &*self.state.borrow() {
            State::Made(made) => Some(Arc::clone(made)),
            _ => None,
        }
    }

    /// Gives up on the making, and waits until nothing of it runs any more.
    pub async fn stop(&self) {
        let making = self.making.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(making) = making {
            making.abort();
            // It was aborted, or had ended.
            making.await.ok();
        }
    }
}

// Derived, it would ask for a `T` that can be cloned.
impl<T> Clone for State<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Making(what) => Self::Making(what.clone()),
            Self::Made(made) => Self::Made(Arc::clone(made)),
            Self::Failed(failure) => Self::Failed(failure.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_made_once_for_all() {
        let provider = Provider::new();
        provider.start(|_| async { Ok(1) });
        provider.start(|_| async { Ok(2) });
        let silent = Progress::new(|_| {});
        let (a, b) = tokio::join!(provider.get(&silent), provider.get(&silent));
        assert_eq!((*a.unwrap(), *b.unwrap()), (1, 1));
    }

    /// A failure would mean that whoever wants it waits for ever.
    #[tokio::test]
    async fn a_making_that_panics_has_failed() {
        let provider = Provider::<()>::new();
        provider.start(|_| async { panic!("a fault of the broker") });
        let told = tokio::time::timeout(std::time::Duration::from_secs(10), provider.get(&Progress::new(|_| {}))).await;
        assert_eq!(told.expect("it has failed").unwrap_err().to_string(), "the broker panicked: a fault of the broker");
    }

    #[tokio::test]
    async fn all_are_told_whose_fault_a_failure_is() {
        let provider = Provider::<()>::new();
        provider.start(|_| async { Err(Environment::new("no engine").into()) });
        let error = provider.get(&Progress::new(|_| {})).await.unwrap_err();
        assert!(home::is_environment(&error));
    }
}
