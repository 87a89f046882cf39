//! A panic of the broker as an error: what a lease has must be removed all the same, and nobody must wait for ever.

use std::panic::AssertUnwindSafe;

use anyhow::{Result, anyhow};
use futures::FutureExt;

/// Does the work; a panic in it ends it alone.
///
/// # Errors
/// That it panicked, and with which words.
pub async fn caught<T>(work: impl Future<Output = T>) -> Result<T> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        anyhow!("the broker panicked: {}", words.unwrap_or("without a message"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that what a lease owned stays until the broker's end.
    #[tokio::test]
    async fn a_panic_is_an_error_with_its_words() {
        let said = caught::<()>(async { panic!("no {}", "permit") }).await.unwrap_err();
        assert_eq!(said.to_string(), "the broker panicked: no permit");
    }
}
