//! Events: what a controller says of another object.

use k8s_openapi::api::core::v1::Event;

use super::{Object, OrEmpty};

/// An Event, with its fields as texts.
#[derive(Clone, Copy)]
pub struct Said<'a>(&'a Event);

impl Object {
    /// What an Event says; `None`: it is none.
    pub fn said(&self) -> Option<Said<'_>> {
        self.typed().map(Said)
    }

    /// What an Event says that warns.
    pub fn warning(&self) -> Option<Said<'_>> {
        self.said().filter(|said| said.0.type_.as_deref() == Some("Warning"))
    }
}

impl<'a> Said<'a> {
    /// Kind of the object that it is about.
    pub fn about_kind(self) -> &'a str {
        self.0.involved_object.kind.or_empty()
    }

    pub fn about_name(self) -> &'a str {
        self.0.involved_object.name.or_empty()
    }

    pub fn about_uid(self) -> &'a str {
        self.0.involved_object.uid.or_empty()
    }

    /// `Normal` or `Warning`.
    pub fn type_(self) -> &'a str {
        self.0.type_.or_empty()
    }

    pub fn reason(self) -> &'a str {
        self.0.reason.or_empty()
    }

    pub fn message(self) -> &'a str {
        self.0.message.or_empty()
    }

    /// How often it was said.
    pub fn count(self) -> u64 {
        self.0.count.and_then(|count| count.try_into().ok()).unwrap_or(1)
    }
}
