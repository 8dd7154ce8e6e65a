//! What subscribers are told. Never holds a secret or a URI.

use serde::Serialize;
use serde_json::value::RawValue;

/// A change that is durable.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    msg: &'static str,
    collection: &'static str,
    fields: Box<RawValue>,
}

impl Event {
    /// Something there was is different now.
    pub(crate) const fn changed(collection: &'static str, fields: Box<RawValue>) -> Self {
        Self {
            msg: "changed",
            collection,
            fields,
        }
    }

    /// The name that it is subscribed to by.
    #[must_use]
    pub const fn collection(&self) -> &'static str {
        self.collection
    }
}

/// An event that can be subscribed to.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct EventInfo {
    /// Its name.
    pub name: &'static str,
    /// When it comes.
    pub description: &'static str,
}

/// Every event, sorted by name.
pub const EVENTS: [EventInfo; 3] = [
    EventInfo {
        name: "*",
        description: "Every event.",
    },
    EventInfo {
        name: "auth.twofactor.config",
        description: "The settings changed; the fields are those of auth.twofactor.config, without the secret.",
    },
    EventInfo {
        name: "core.get_jobs",
        description: "Never comes, since there are no jobs; the original's clients subscribe to it before every call.",
    },
];
