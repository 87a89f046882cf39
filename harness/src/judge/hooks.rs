//! Hooks: in order, once, with clean hands.

mod once;
mod order;

pub(super) use once::HOOK_ONCE;
pub(super) use order::HOOK_ORDER;
