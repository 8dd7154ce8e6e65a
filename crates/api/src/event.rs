//! What subscribers are told. Never holds a secret or a URI.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::CallError;
use crate::access::{Proof, Right};

/// What accounts may do without a device, and how they get one.
pub(crate) const ACCOUNT: &str = "auth.twofactor.account";

/// What somebody should look at.
pub(crate) const ALERT: &str = "auth.twofactor.alert";

/// The settings, without the secret.
pub(crate) const CONFIG: &str = "auth.twofactor.config";

/// Devices, without their secrets.
pub(crate) const DEVICE: &str = "auth.twofactor.device";

/// Verdicts.
pub(crate) const LOGIN: &str = "auth.twofactor.login";

/// Something that happened, and is durable.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    msg: &'static str,
    collection: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Box<RawValue>>,
    #[serde(skip)]
    is_change: bool,
    /// Whose account it is about, where that one may be told too.
    #[serde(skip)]
    owner: Option<u32>,
}

impl Event {
    /// A record is there now.
    pub(crate) fn added(
        collection: &'static str,
        id: i64,
        fields: &impl Serialize,
    ) -> Result<Self, CallError> {
        Self::new("added", collection, fields).map(|event| event.with_id(Some(id)))
    }

    /// Settings are different now, or the record with this id is.
    pub(crate) fn changed(
        collection: &'static str,
        id: Option<i64>,
        fields: &impl Serialize,
    ) -> Result<Self, CallError> {
        Self::new("changed", collection, fields).map(|event| event.with_id(id))
    }

    /// A record is not there any more.
    pub(crate) const fn removed(collection: &'static str, id: i64) -> Self {
        Self {
            msg: "removed",
            collection,
            id: Some(id),
            fields: None,
            is_change: true,
            owner: None,
        }
    }

    /// The same, about the account with this uid.
    pub(crate) const fn of(mut self, uid: u32) -> Self {
        self.owner = Some(uid);
        self
    }

    /// Whose account it is about, where that one may be told too.
    pub(crate) const fn owner(&self) -> Option<u32> {
        self.owner
    }

    /// Something happened that is no record, and no reason for a copy of the state.
    pub(crate) fn happened(
        collection: &'static str,
        fields: &impl Serialize,
    ) -> Result<Self, CallError> {
        let mut event = Self::new("added", collection, fields)?;
        event.is_change = false;
        Ok(event)
    }

    fn new(
        msg: &'static str,
        collection: &'static str,
        fields: &impl Serialize,
    ) -> Result<Self, CallError> {
        let fields = to_raw_value(fields).map_err(|_| CallError::internal("no event was made"))?;
        Ok(Self {
            msg,
            collection,
            id: None,
            fields: Some(fields),
            is_change: true,
            owner: None,
        })
    }

    fn with_id(mut self, id: Option<i64>) -> Self {
        self.id = id;
        self
    }

    /// The name that it is subscribed to by.
    #[must_use]
    pub const fn collection(&self) -> &'static str {
        self.collection
    }

    /// Whether settings or records changed, which a copy of the state should have.
    #[must_use]
    pub const fn is_change(&self) -> bool {
        self.is_change
    }
}

/// An event that can be subscribed to.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct EventInfo {
    /// Its name.
    pub name: &'static str,
    /// When it comes.
    pub description: &'static str,
    /// Who may be told.
    #[serde(rename = "rights", serialize_with = "describe_right")]
    pub right: Right,
}

fn describe_right<S: serde::Serializer>(right: &Right, serializer: S) -> Result<S::Ok, S::Error> {
    right.describe().serialize(serializer)
}

/// Every event, sorted by name.
pub const EVENTS: [EventInfo; 7] = [
    EventInfo {
        name: "*",
        description: "Every event that one may be told of.",
        right: Right::SignedIn,
    },
    EventInfo {
        name: ACCOUNT,
        description: "A bypass, exemption, grace, invite or set of recovery codes came, changed or went; the fields are username (null for everybody) and what.",
        right: Right::Administrator(Proof::Session),
    },
    EventInfo {
        name: ALERT,
        description: "Something that somebody should look at; the fields are kind, message_id, username, source and message. The journal has the same, at warning.",
        right: Right::Administrator(Proof::Session),
    },
    EventInfo {
        name: CONFIG,
        description: "The settings changed; the fields are those of auth.twofactor.config, without the secret.",
        right: Right::Administrator(Proof::Session),
    },
    EventInfo {
        name: DEVICE,
        description: "A device was added, changed or removed; the fields are those of auth.twofactor.device.query. On the web people who are no administrators are told of their own.",
        right: Right::Own(Proof::Session),
    },
    EventInfo {
        name: LOGIN,
        description: "A door was told a verdict; the fields are verdict, username, service and source.",
        right: Right::Administrator(Proof::Session),
    },
    EventInfo {
        name: "core.get_jobs",
        description: "Never comes, since there are no jobs; the original's clients subscribe to it before every call.",
        right: Right::SignedIn,
    },
];
