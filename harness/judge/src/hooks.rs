//! Hooks: in order, once, with clean hands.

mod cleanup;
mod effect;
mod inputs;
mod once;
mod order;

pub(super) use cleanup::HOOK_CLEANUP;
pub(super) use effect::HOOK_EFFECT;
pub(super) use inputs::HOOK_INPUTS;
pub(super) use once::HOOK_ONCE;
pub(super) use order::HOOK_ORDER;
