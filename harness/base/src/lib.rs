//! What every other crate may use, whatever it is for.

mod error;
mod hex;
pub mod parallel;
pub mod random;
mod shell;
pub mod stdio;

pub use error::{Environment, Problem, is_environment, unless_environment};
pub use hex::hex;
pub use shell::quoted;
