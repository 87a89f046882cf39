//! chartgate answers one question before a chart's release: if users install it, upgrade to it and roll back from it,
//! does it hold?
//!
//! The modules stand in the order in which data flows through them.

pub mod scenario;
pub mod plan;
pub mod origin;
pub mod cluster;
pub mod backing;
pub mod helm;
pub mod record;
pub mod run;
pub mod judge;
pub mod report;
pub mod gate;

pub mod init;
pub mod doctor;
pub mod home;
pub mod list;
pub mod random;
pub mod redact;
pub mod tool;
pub mod wait;
pub mod yaml;
