//! What went wrong on purpose: that it did, and what it did to the release.

mod contained;
mod drain;
mod happened;
mod stuck;

pub(super) use contained::FAILED_MIGRATION_CONTAINED;
pub(super) use drain::DRAIN_COMPLETES;
pub(super) use happened::FAULT_HAPPENED;
pub(super) use stuck::RELEASE_NOT_STUCK;
