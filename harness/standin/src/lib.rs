//! What the stand-ins of all applications share.
//!
//! ```no_run
//! use chartgate_standin::program::{Application, play};
//!
//! # async fn example() {
//! const APPLICATIONS: &[Application] = &[(&["server"], |_, _| Box::pin(async { Ok(()) }))];
//! play(APPLICATIONS).await;
//! # }
//! ```

pub mod program;
pub mod environment;
pub mod build;
pub mod lifecycle;
pub mod database;
pub mod ledger;
pub mod migration;
pub mod clock;
pub mod redis;
pub mod http;
