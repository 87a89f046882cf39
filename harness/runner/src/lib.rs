//! Runs a plan: prepares what its release needs, does its steps through the real helm, and records everything that happens.

pub mod helm;
pub mod origin;
pub mod progress;
pub mod record;
pub mod run;
pub mod stop;

use chartgate_base::random;
use chartgate_cluster::{self as cluster, backing, error};
use chartgate_model::plan;
use chartgate_process::{home, tool, wait};
use chartgate_redact as redact;
use chartgate_scenario::{self as scenario, dependency};
use chartgate_yaml as yaml;
