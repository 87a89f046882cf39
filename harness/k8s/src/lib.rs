//! Kubernetes objects as the API server gives them: what several places ask of one.

pub mod difference;
pub mod object;
pub mod ready;
pub mod selector;
pub mod trouble;
pub mod typed;
