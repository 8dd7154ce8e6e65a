//! Who waits for whom: nobody for somebody else's look-up, and root never behind a crowd at the doors.

use serde_json::json;
use testkit::{Daemon, Socket};

use crate::support::{WriteLock, audit, enable, good_codes, request};

/// A thousand calls at the doors are handed in before root's, the accepted ones last. One batch of the
/// writer may have begun; everything else comes after root.
#[test]
fn administration_overtakes_1000_calls_at_the_doors() {
    let daemon = Daemon::start();
    let mut root = daemon.connect();
    let codes = good_codes(&enable(&mut root));
    let mut crowd: Vec<Socket> = (0..50).map(|_| daemon.connect()).collect();
    let mut last = daemon.connect();
    let lock = WriteLock::take(&daemon);
    for socket in &mut crowd {
        for id in 0..20 {
            socket.send(&request(id, "auth.twofactor.verify", json!([null])));
        }
        handed_in(socket);
    }
    for (id, code) in (0..).zip(&codes) {
        last.send(&request(id, "auth.twofactor.verify", json!([code])));
    }
    handed_in(&mut last);
    root.send(&request(1, "auth.twofactor.update", json!([{"window": 9}])));
    handed_in(&mut root);
    drop(lock);
    assert_eq!(root.recv()["result"]["window"], 9);
    for socket in &mut crowd {
        for _ in 0..20 {
            assert_eq!(socket.recv()["result"], false);
        }
    }
    for _ in &codes {
        assert_eq!(last.recv()["result"], true);
    }
    let audit = audit(&daemon.state_dir());
    let at = |wanted: &str| audit.iter().position(|(_, outcome)| outcome == wanted);
    let (changed, accepted) = (at("changed").unwrap(), at("accepted").unwrap());
    assert!(changed < accepted, "{audit:?}");
}

/// An answer on the same connection means that what was sent before has its place in the queue.
fn handed_in(socket: &mut Socket) {
    assert_eq!(socket.call("core.ping", json!([])), "pong");
}

#[cfg(feature = "system")]
mod with_a_user_database_that_hangs {
    use super::*;
    use crate::support::{errno, eventually, reason};

    const ALICE: [(&str, u32); 1] = [("alice", 4_000_001)];

    fn ask(socket: &mut Socket, id: u64) {
        socket.send(&request(id, "user.twofactor_config", json!(["alice"])));
    }

    #[test]
    fn nobody_waits_but_who_asked_for_it() {
        let daemon = Daemon::builder().accounts(&ALICE).start();
        let hang = daemon.accounts().hang();
        let mut slow = daemon.connect();
        ask(&mut slow, 1);
        let mut other = daemon.connect();
        let codes = good_codes(&enable(&mut other));
        for socket in [&mut other, &mut slow] {
            assert_eq!(socket.call("core.ping", json!([])), "pong");
            socket.call("auth.twofactor.config", json!([]));
            // Root is who it is without any database.
            socket.call("user.twofactor_config", json!(["root"]));
        }
        let accepted = other.call("auth.twofactor.verify", json!([codes[9]]));
        assert_eq!(accepted, true);
        hang.end(daemon.accounts(), &ALICE);
        assert_eq!(slow.recv()["result"]["secret_configured"], false);
    }

    /// However many of them hang, codes and recovery codes are judged, and root's calls answered.
    #[test]
    fn look_ups_that_hang_keep_neither_strangers_codes_nor_recovery_codes_waiting() {
        let daemon = Daemon::builder().accounts(&ALICE).start();
        let mut root = daemon.connect();
        enable(&mut root);
        let hang = daemon.accounts().hang();
        let mut doors = daemon.connect();
        let proven = json!([{"username": "alice", "service": "sudo", "factor": "password"}]);
        for id in 0..2 {
            doors.send(&request(id, "auth.twofactor.authenticate", proven.clone()));
            ask(&mut doors, 10 + id);
        }
        handed_in(&mut doors);
        root.call("auth.twofactor.recovery.generate", json!(["root"]));
        let recovery = "A-AAAA-AAAA-AAAA-AAAA";
        for (token, verdict) in [(None, "CODE_REQUIRED"), (Some(recovery), "WRONG")] {
            let login = json!([{"username": "alice", "service": "sudo", "token": token}]);
            let answer = root.call("auth.twofactor.authenticate", login);
            assert_eq!(answer["verdict"], verdict, "{answer}");
        }
        hang.end(daemon.accounts(), &ALICE);
        let answered = (0..4).filter(|_| doors.recv().get("result").is_some());
        assert_eq!(answered.count(), 4);
    }

    /// Two look-ups run and 64 wait; the next is told so at once, and is none of those.
    #[test]
    fn too_many_look_ups_are_refused_and_the_others_answered() {
        let daemon = Daemon::builder().accounts(&ALICE).start();
        let hang = daemon.accounts().hang();
        let mut crowd: Vec<Socket> = (0..6).map(|_| daemon.connect()).collect();
        for socket in &mut crowd {
            (0..11).for_each(|id| ask(socket, id));
            handed_in(socket);
        }
        let mut late = daemon.connect();
        let refusal = late.call_err("user.twofactor_config", json!(["alice"]));
        assert_eq!(errno(&refusal), 16, "{refusal}");
        assert_eq!(
            reason(&refusal),
            "[EBUSY] middlewared is busy; nothing was changed. Try again"
        );
        hang.end(daemon.accounts(), &ALICE);
        for socket in &mut crowd {
            for _ in 0..11 {
                assert_eq!(socket.recv()["result"]["secret_configured"], false);
            }
        }
        late.call("user.twofactor_config", json!(["alice"]));
    }

    /// A look-up is in flight like a write: the connection's limit holds for it.
    #[test]
    fn the_twenty_first_look_up_of_a_connection_is_refused() {
        let daemon = Daemon::builder().accounts(&ALICE).start();
        let hang = daemon.accounts().hang();
        let mut socket = daemon.connect();
        (1..=21).for_each(|id| ask(&mut socket, id));
        let refusal = socket.recv();
        assert_eq!(
            (&refusal["id"], &refusal["error"]["code"]),
            (&json!(21), &json!(-32000))
        );
        hang.end(daemon.accounts(), &ALICE);
        let answered = (1..=20).filter(|_| socket.recv().get("result").is_some());
        assert_eq!(answered.count(), 20);
    }

    /// What changes state is not given up when its client goes away.
    #[test]
    fn what_was_handed_in_is_done_though_its_client_left() {
        let daemon = Daemon::builder().accounts(&ALICE).start();
        let hang = daemon.accounts().hang();
        let mut leaver = daemon.connect();
        leaver.send(&request(1, "user.renew_2fa_secret", json!(["alice", {}])));
        handed_in(&mut leaver);
        drop(leaver);
        hang.end(daemon.accounts(), &ALICE);
        let mut socket = daemon.connect();
        eventually("the secret of alice", || {
            let config = socket.call("user.twofactor_config", json!(["alice"]));
            config["secret_configured"] == true
        });
    }

    /// Nothing can end a look-up, so stopping waits for it no longer than for a client that does not read.
    #[test]
    fn a_look_up_that_hangs_keeps_the_daemon_from_nothing() {
        let mut daemon = Daemon::builder().accounts(&ALICE).start();
        let hang = daemon.accounts().hang();
        let mut sockets = [(); 3].map(|()| daemon.connect());
        for socket in &mut sockets {
            socket.send(&request(1, "user.renew_2fa_secret", json!(["alice", {}])));
            handed_in(socket);
        }
        assert!(daemon.stop().success(), "{}", daemon.log());
        hang.end(daemon.accounts(), &ALICE);
        daemon.restart();
        let config = daemon
            .connect()
            .call("user.twofactor_config", json!(["alice"]));
        assert_eq!(
            config["secret_configured"], false,
            "nobody was told that it is"
        );
    }
}
