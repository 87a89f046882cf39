//! Plain data, without a clock, a cluster or a network: what is to be done ([`plan`]), what was seen ([`recording`]), and
//! what was found in it ([`finding`]).

pub mod finding;
pub mod guard;
pub mod invocation;
pub mod obstacle;
pub mod plan;
pub mod recording;
pub mod refusal;
pub mod values;
