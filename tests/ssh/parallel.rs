//! Logins side by side: a refusal costs seconds of waiting, and no work.

use std::thread;

use testkit::{Login, Outcome};

/// All of them at the same time; how each went, in their order.
pub(crate) fn at_once(logins: &[Login]) -> Vec<Outcome> {
    thread::scope(|scope| {
        let running: Vec<_> = logins
            .iter()
            .map(|login| scope.spawn(|| login.run()))
            .collect();
        let ended = running.into_iter().map(thread::ScopedJoinHandle::join);
        ended.map(|outcome| outcome.expect("a login")).collect()
    })
}

/// The same, and all codes are typed in the same moment: each login waits at this prompt for the others.
pub(crate) fn codes_at_once(logins: Vec<(Login, String)>, prompt: &str) -> Vec<Outcome> {
    let waiting = logins.into_iter();
    let waiting: Vec<_> = waiting.map(|(login, code)| (login.begin(), code)).collect();
    for (login, _) in &waiting {
        login.wait_for(prompt);
    }
    for (login, code) in &waiting {
        login.answer(prompt, code);
    }
    waiting.into_iter().map(|(login, _)| login.end()).collect()
}
