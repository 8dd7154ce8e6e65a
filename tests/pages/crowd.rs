//! Many at once: everybody is served, and root's socket goes on beside them.

use std::io::Write;
use std::thread;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;

use super::{Site, first_step};
use crate::support::eventually;
use crate::web::keeper::WORD;

#[test]
fn two_hundred_sign_in_at_the_pages_at_once() {
    let site = &Site::new();
    let pages: Vec<_> = thread::scope(|scope| {
        let people: Vec<_> = (0..200)
            .map(|_| scope.spawn(|| first_step(&mut site.web.browser(), "root", WORD)))
            .collect();
        // Root's own calls wait for none of them.
        let mut root = site.daemon.connect();
        assert_eq!(root.call("auth.two_factor_auth", json!([])), false);
        root.call("auth.twofactor.update", json!([{"window": 9}]));
        let joined = people.into_iter().map(|person| person.join().unwrap());
        joined.collect()
    });
    for page in &pages {
        assert!(page.says("is NOT enabled"), "{page:?}");
    }
    assert_eq!(site.keeper.asked().len(), 200);
    let sessions = site.daemon.connect().call("auth.sessions", json!([]));
    assert_eq!(sessions.as_array().unwrap().len(), 200);
}

/// Half of them have said nothing, the others have begun and do not go on.
#[test]
fn a_thousand_connections_keep_nobody_out() {
    // More than a shell's usual 1,024, for the service too, which inherits it.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let site = Site::new();
    let mut held = Vec::new();
    let mut begun = Vec::new();
    for number in 0..1000 {
        if number % 2 == 0 {
            held.push(site.web.connect());
        } else {
            let mut stream = site.web.connect();
            // The beginning of TLS's first message.
            stream.write_all(&[22, 3, 1]).unwrap();
            begun.push(stream);
        }
    }
    let browser = site.root(None);
    assert!(!browser.cookies.is_empty());
    let mut root = site.daemon.connect();
    assert_eq!(root.call("core.ping", json!([])), "pong");
    drop((held, begun));
    eventually("room again", || site.web.has_room());
}
