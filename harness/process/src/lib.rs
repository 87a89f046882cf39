//! Programs, waiting, and the state directory.

pub mod home;
pub mod tool;
pub mod wait;
