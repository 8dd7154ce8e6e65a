//! Names: the only place where a method exists.
//!
//! A method is its params struct: the fields are the params, the doc comment is the documentation,
//! the field types are the validation. Each namespace file ends with its `METHODS`; this file lists
//! the namespaces, and everything else (dispatch, `core.get_methods`, `docs/api.json`, the man page,
//! completion) comes from that one table. This crate knows no sockets and no JSON-RPC framing.
#![forbid(unsafe_code)]

mod access;
mod alert;
mod auth;
mod auth_twofactor;
mod bounded;
mod clock_guard;
mod contract;
mod core;
mod devices;
mod door;
mod emergency;
mod error;
mod event;
mod fields;
mod lookup;
mod method;
mod params;
mod provisioning;
mod session;
mod user;

pub use access::{
    Access, CheckPassword, PasswordAnswer, Proof, Question, Right, SessionChange, SessionRules,
    Sessions, Visit,
};
pub use alert::{Alert, AlertKind};
pub use auth_twofactor::overriding::take_in;
pub use auth_twofactor::trial::upkeep;
pub use contract::contract;
pub use emergency::Emergency;
pub use error::{CallError, Issue, METHOD_CALL_ERROR, TOO_MANY_CALLS, too_many_calls};
pub use event::{EVENTS, Event, EventInfo};
pub use method::{
    Aftermath, Answer, Burden, Caller, Done, Identity, Kind, Method, Prepared, Reading, SlowCall,
    Started, Work, WriteCall,
};
pub use params::RawParams;
pub use session::Session;

/// Every namespace, in the order of their names.
const NAMESPACES: [&[Method]; 13] = [
    auth::METHODS,
    auth_twofactor::METHODS,
    auth_twofactor::account::METHODS,
    auth_twofactor::bypass::METHODS,
    auth_twofactor::device::METHODS,
    auth_twofactor::exemption::METHODS,
    auth_twofactor::grace::METHODS,
    auth_twofactor::invite::METHODS,
    auth_twofactor::policy::METHODS,
    auth_twofactor::recovery::METHODS,
    auth_twofactor::ssh::METHODS,
    core::METHODS,
    user::METHODS,
];

/// Every method, by namespace and name.
pub fn methods() -> impl Iterator<Item = &'static Method> {
    NAMESPACES.into_iter().flatten()
}

/// Finds a method by its name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Method> {
    NAMESPACES.iter().find_map(|methods| {
        let at = methods
            .binary_search_by(|method| method.name.cmp(name))
            .ok()?;
        methods.get(at)
    })
}

#[expect(
    clippy::indexing_slicing,
    reason = "runs in the compiler, below the lengths"
)]
// A method that is out of order, in another namespace than its neighbours, or declared twice, does
// not compile.
const _: () = {
    let mut last_namespace = "";
    let mut namespace = 0;
    while namespace < NAMESPACES.len() {
        let methods = NAMESPACES[namespace];
        let name = method::namespace_of(methods[0].name);
        assert!(
            method::is_before(last_namespace, name),
            "NAMESPACES must be sorted by name"
        );
        last_namespace = name;
        let mut last = "";
        let mut at = 0;
        while at < methods.len() {
            assert!(
                method::is_before(last, methods[at].name),
                "METHODS must be sorted by name"
            );
            assert!(
                method::is_same(name, method::namespace_of(methods[at].name)),
                "METHODS must be of one namespace"
            );
            last = methods[at].name;
            at += 1;
        }
        namespace += 1;
    }
};

#[cfg(test)]
mod tests;
