//! chartgate answers one question before a chart's release: if users install it, upgrade to it and roll back from it,
//! does it hold?
//!
//! The modules stand in the order in which data flows through them.

// `stdio` prints: to a terminal that may be drawn on, and to readers that may be gone.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod progress;
pub mod shard;
pub mod recorded;
pub mod gate;
pub mod matrix;
pub mod merge;
pub mod compare;
pub mod check;
pub mod applicable;
pub mod mutate;
pub mod soak;
pub mod release;
pub mod ending;

pub mod init;
pub mod doctor;
pub mod setup;
pub mod list;
pub mod reference;
pub mod repeat;
pub mod schema;
