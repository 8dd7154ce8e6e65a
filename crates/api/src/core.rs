//! `core.*`: the connection itself, and what can be called on it.

use serde_json::{Map, Value};

use crate::access::{Access, Right};
use crate::contract;
use crate::fields::NullableText;
use crate::method::{Declared, Method, OnSession};
use crate::params::fields;
use crate::session::ClientOptions;
use crate::{CallError, Session};

fields! {
    /// Lists jobs. There are none: every call here answers when it is done.
    pub(crate) struct GetJobs {
        /// Which jobs; all of them match nothing.
        #[expect(dead_code, reason = "taken from the original's clients, and of no use")]
        filters: Option<Ignored>,
        /// How to list them.
        #[expect(dead_code, reason = "taken from the original's clients, and of no use")]
        options: Option<Ignored>,
    }
}

impl Declared for GetJobs {
    const NAME: &'static str = "core.get_jobs";
    const RIGHT: Right = Right::SignedIn;
    type Output = Vec<Value>;
}

impl OnSession for GetJobs {
    fn call(self, _: &mut Session, _: &Access) -> Result<Vec<Value>, CallError> {
        Ok(Vec::new())
    }
}

fields! {
    /// Describes the methods, by name: what they do, take and return.
    pub(crate) struct GetMethods {
        /// Only those of this service, such as auth.twofactor.
        service: Option<NullableText>,
        /// For which kind of client; all get the same.
        #[expect(dead_code, reason = "taken from the original's clients, and of no use")]
        target: Option<NullableText>,
    }
}

impl Declared for GetMethods {
    const NAME: &'static str = "core.get_methods";
    const RIGHT: Right = Right::SignedIn;
    type Output = Map<String, Value>;
}

impl OnSession for GetMethods {
    fn call(self, _: &mut Session, _: &Access) -> Result<Map<String, Value>, CallError> {
        Ok(contract::get_methods(
            self.service.and_then(|service| service.0).as_deref(),
        ))
    }
}

fields! {
    /// Lists the services, by name.
    pub(crate) struct GetServices {
        /// For which kind of client; all get the same.
        #[expect(dead_code, reason = "taken from the original's clients, and of no use")]
        target: Option<NullableText>,
    }
}

impl Declared for GetServices {
    const NAME: &'static str = "core.get_services";
    const RIGHT: Right = Right::SignedIn;
    type Output = Map<String, Value>;
}

impl OnSession for GetServices {
    fn call(self, _: &mut Session, _: &Access) -> Result<Map<String, Value>, CallError> {
        Ok(contract::get_services())
    }
}

fields! {
    /// Answers "pong".
    pub(crate) struct Ping {}
}

impl Declared for Ping {
    const NAME: &'static str = "core.ping";
    const RIGHT: Right = Right::Anybody;
    type Output = &'static str;
}

impl OnSession for Ping {
    fn call(self, _: &mut Session, _: &Access) -> Result<&'static str, CallError> {
        Ok("pong")
    }
}

fields! {
    /// Sets options of this connection. Returns all of them; unknown ones are ignored.
    pub(crate) struct SetOptions {
        /// The options to set.
        options: ClientOptions,
    }
}

impl Declared for SetOptions {
    const NAME: &'static str = "core.set_options";
    const RIGHT: Right = Right::Anybody;
    type Output = ClientOptions;
}

impl OnSession for SetOptions {
    fn call(self, session: &mut Session, _: &Access) -> Result<ClientOptions, CallError> {
        session.options = self.options;
        Ok(self.options)
    }
}

fields! {
    /// Has events pushed to this connection, as `collection_update` notifications. Returns the id to
    /// unsubscribe with.
    pub(crate) struct Subscribe {
        /// The event's name, or * for all.
        event: String,
    }
}

impl Declared for Subscribe {
    const NAME: &'static str = "core.subscribe";
    const RIGHT: Right = Right::SignedIn;
    type Output = String;
}

impl OnSession for Subscribe {
    fn call(self, session: &mut Session, access: &Access) -> Result<String, CallError> {
        session.subscribe(self.event, access)
    }
}

fields! {
    /// Ends a subscription; one that there is not is no error.
    pub(crate) struct Unsubscribe {
        /// The id that core.subscribe returned.
        id: String,
    }
}

impl Declared for Unsubscribe {
    const NAME: &'static str = "core.unsubscribe";
    const RIGHT: Right = Right::SignedIn;
    type Output = ();
}

impl OnSession for Unsubscribe {
    fn call(self, session: &mut Session, _: &Access) -> Result<(), CallError> {
        session.unsubscribe(&self.id);
        Ok(())
    }
}

/// Anything, and it does not matter what.
#[derive(Debug, schemars::JsonSchema)]
pub(crate) struct Ignored;

impl crate::params::Field for Ignored {
    fn decode(_: Value, _: &crate::params::At<'_>, _: &mut crate::params::Issues) -> Option<Self> {
        Some(Self)
    }
}

pub(crate) const METHODS: &[Method] = &[
    Method::session::<GetJobs>(),
    Method::session::<GetMethods>(),
    Method::session::<GetServices>(),
    Method::session::<Ping>(),
    Method::session::<SetOptions>(),
    Method::session::<Subscribe>(),
    Method::session::<Unsubscribe>(),
];
