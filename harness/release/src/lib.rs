//! A release of a chart: a package, the verdict on exactly its bytes as a signed attestation, and the registry that holds both.
//!
//! Nothing here judges or runs anything: what was judged comes as a report and its recordings.

mod bundle;
mod digest;
mod key;
mod manifest;
pub mod package;
mod previous;
mod publish;
mod registry;
mod requirement;
pub mod source;
mod statement;
mod verify;

pub use bundle::{Attestation, Form};
pub use digest::Sha256Digest;
pub use key::{PASSWORD, PrivateKey, PublicKey};
pub use package::Package;
pub use previous::previous;
pub use publish::{Published, Standing, publish, standing};
pub use registry::Registry;
pub use requirement::{Requirements, Subjects};
pub use statement::{Judged, Outcome, Statement, TestResult};
pub use verify::{Candidate, Refused, of_file, of_registry, verify};
