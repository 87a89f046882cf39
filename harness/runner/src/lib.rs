//! Runs a plan: prepares what its release needs, does its steps through the real helm, and records everything that happens.

pub mod helm;
pub mod origin;
pub mod progress;
pub mod record;
pub mod run;
pub mod stop;
