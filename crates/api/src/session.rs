//! What the daemon remembers of one connection.

use std::sync::Arc;

use nix::errno::Errno;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use store::entropy;

use crate::CallError;
use crate::access::{Access, Sessions, Visit};
use crate::auth_twofactor::restore::HandedOver;
use crate::event::{EVENTS, Event, EventInfo};
use crate::params::{At, Field, Issues};

/// More than anybody needs; each is a little memory.
const MOST_SUBSCRIPTIONS: usize = 32;

/// One connection's options and subscriptions.
pub struct Session {
    pub(crate) options: ClientOptions,
    /// The pages of an export that is to be restored.
    pub(crate) handed_over: HandedOver,
    subscriptions: Option<Vec<Subscription>>,
    /// Of a connection on the web's socket.
    visit: Option<Arc<Visit>>,
    /// Where all such connections are known, if there is such a socket.
    sessions: Option<Arc<Sessions>>,
}

#[derive(Debug)]
struct Subscription {
    id: String,
    event: String,
}

impl Session {
    /// Of a connection of root's that events can be pushed to.
    #[must_use]
    pub fn with_events() -> Self {
        Self {
            options: ClientOptions::default(),
            handed_over: HandedOver::default(),
            subscriptions: Some(Vec::new()),
            visit: None,
            sessions: None,
        }
    }

    /// Of a connection on the web's socket.
    #[must_use]
    pub fn of_visit(visit: Arc<Visit>) -> Self {
        Self {
            sessions: Some(Arc::clone(visit.sessions())),
            visit: Some(visit),
            ..Self::with_events()
        }
    }

    /// The same, with a view of who is signed in on the web.
    #[must_use]
    pub fn with_sessions(mut self, sessions: &Arc<Sessions>) -> Self {
        self.sessions = Some(Arc::clone(sessions));
        self
    }

    pub(crate) fn sessions(&self) -> Option<&Sessions> {
        self.sessions.as_deref()
    }

    /// Of a single request of root's.
    #[must_use]
    pub fn without_events() -> Self {
        Self {
            options: ClientOptions::default(),
            handed_over: HandedOver::default(),
            subscriptions: None,
            visit: None,
            sessions: None,
        }
    }

    /// What a call of this method may do, at a second of this boot.
    #[must_use]
    pub fn access(&self, method: &str, now: u64) -> Access {
        match &self.visit {
            None => Access::root(),
            Some(visit) => Access::of_call(visit, method, now),
        }
    }

    /// The connection on the web's socket, if it is one.
    #[must_use]
    pub const fn visit(&self) -> Option<&Arc<Visit>> {
        self.visit.as_ref()
    }

    /// Whether methods can be called that not everybody may: root's connection, or somebody is signed in.
    #[must_use]
    pub fn is_trusted(&self, now: u64) -> bool {
        let visit = self.visit.as_ref();
        visit.is_none_or(|visit| visit.secs_left(now).is_some())
    }

    /// Whether anything is subscribed to.
    #[must_use]
    pub fn is_subscribed(&self) -> bool {
        self.subscriptions
            .as_ref()
            .is_some_and(|subscriptions| !subscriptions.is_empty())
    }

    /// Whether this connection is to be told of `event`, at a second of this boot.
    #[must_use]
    pub fn wants(&self, event: &Event, now: u64) -> bool {
        let is_wanted = |subscription: &Subscription| {
            ["*", event.collection()].contains(&subscription.event.as_str())
        };
        let is_subscribed = self.subscriptions.iter().flatten().any(is_wanted);
        // Rights may have gone since it was subscribed to.
        is_subscribed && {
            let visit = self.visit.as_ref();
            let access = visit.map_or_else(Access::root, |visit| Access::of_visit(visit, now));
            info(event.collection()).is_some_and(|info| access.may_hear(info.right, event.owner()))
        }
    }

    /// Ends all subscriptions. The names that were subscribed to.
    pub fn unsubscribe_all(&mut self) -> Vec<String> {
        let all = self
            .subscriptions
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default();
        all.into_iter()
            .map(|subscription| subscription.event)
            .collect()
    }

    pub(crate) fn subscribe(
        &mut self,
        event: String,
        access: &Access,
    ) -> Result<String, CallError> {
        let Some(subscriptions) = &mut self.subscriptions else {
            let message = "Events need a WebSocket connection; this was a single request.";
            return Err(CallError::refused(Errno::EOPNOTSUPP, message));
        };
        let Some(info) = info(&event) else {
            let known = EVENTS.map(|event| event.name).join(", ");
            let message = format!("There is no event of that name. There are: {known}");
            return Err(CallError::refused(Errno::ENOENT, message));
        };
        access.admit(info.right)?;
        if subscriptions.len() >= MOST_SUBSCRIPTIONS {
            let message = format!("A connection has at most {MOST_SUBSCRIPTIONS} subscriptions.");
            return Err(CallError::refused(Errno::EBUSY, message));
        }
        let id = uuid(entropy::random()?);
        subscriptions.push(Subscription {
            id: id.clone(),
            event,
        });
        Ok(id)
    }

    pub(crate) fn unsubscribe(&mut self, id: &str) {
        if let Some(subscriptions) = &mut self.subscriptions {
            subscriptions.retain(|subscription| subscription.id != id);
        }
    }
}

fn info(event: &str) -> Option<&'static EventInfo> {
    EVENTS.iter().find(|known| known.name == event)
}

/// What a client asks of a connection. They change nothing here, where there are no jobs and no
/// private methods; the original's clients insist on setting them.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub(crate) struct ClientOptions {
    /// Whether a call of a job answers at once with the job's id.
    legacy_jobs: bool,
    /// Whether private methods may be called without a warning.
    private_methods: bool,
    /// Whether errors carry a pickled Python exception; never sent.
    py_exceptions: bool,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            legacy_jobs: true,
            private_methods: false,
            py_exceptions: false,
        }
    }
}

/// Unknown options are ignored, so that newer clients work.
impl Field for ClientOptions {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        let Value::Object(entries) = value else {
            issues.wrong(at, "A dict was expected");
            return None;
        };
        let mut options = Self::default();
        for (key, value) in entries {
            let option = match key.as_str() {
                "legacy_jobs" => &mut options.legacy_jobs,
                "private_methods" => &mut options.private_methods,
                "py_exceptions" => &mut options.py_exceptions,
                _ => continue,
            };
            *option = bool::decode(value, &at.field(&key, 0), issues)?;
        }
        Some(options)
    }
}

/// A random UUID (RFC 9562 §5.4).
pub(crate) fn uuid(random: [u8; 16]) -> String {
    let bits = u128::from_be_bytes(random);
    let version_4 = (bits & !(0xf << 76)) | (0x4 << 76);
    let variant_1 = (version_4 & !(0x3 << 62)) | (0x2 << 62);
    let hex = format!("{variant_1:032x}");
    let group = |range| hex.get(range).unwrap_or_default();
    [
        group(0..8),
        group(8..12),
        group(12..16),
        group(16..20),
        group(20..32),
    ]
    .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_its_version_and_variant() {
        assert_eq!(uuid([0; 16]), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid([255; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
