//! What chartgate does on a cluster beside running its own charts' scenarios.

mod backing;
mod broker;
mod dry_run;
mod early;
mod elsewhere;
mod evidence;
mod init;
mod killed;
mod network_policy;
mod no_clone;
mod publish;
mod release;
mod strangers;
mod stubs;
mod tutorial;
