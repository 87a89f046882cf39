//! Roles: each part of the application is what the contract says, and nothing else.

mod env;
mod image;
mod migrates;
mod serves;
mod sessions;
mod singleton;

pub(super) use env::ROLE_ENV;
pub(super) use image::SAME_IMAGE;
pub(super) use migrates::{ROLE_MIGRATES, changes_of};
pub(super) use serves::{ROLE_SERVES, targets};
pub(super) use sessions::SESSION_SHARED;
pub(super) use singleton::ROLE_SINGLETON;
