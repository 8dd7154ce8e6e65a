//! Every method and every event, at every entrance and level: what is not declared is not permitted.

use super::*;

/// How somebody stands at the web's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Stranger,
    Person,
    FreshPerson,
    Administrator,
    FreshAdministrator,
}

const LEVELS: [Level; 5] = [
    Level::Stranger,
    Level::Person,
    Level::FreshPerson,
    Level::Administrator,
    Level::FreshAdministrator,
];

/// A connection at this level.
fn at(level: Level) -> Web {
    // daemon is in the group of its name and in no other.
    let is_administrator = level >= Level::Administrator;
    let mut web = Web::new(if is_administrator { "daemon" } else { "bin" });
    let secret = web.enrol(PERSON.0);
    web.enable();
    match level {
        Level::Stranger => {}
        Level::FreshPerson | Level::FreshAdministrator => web.sign_in(PERSON.0, Some(&secret)),
        Level::Person | Level::Administrator => {
            web.sign_in(PERSON.0, Some(&secret));
            web.machine.now += 300;
        }
    }
    web
}

/// The number that whoever may not call is refused with; nothing where they may.
fn refusal(level: Level, right: Right) -> Option<i64> {
    const NOT_AUTHENTICATED: i64 = 207;
    const NOT_AUTHORIZED: i64 = 13;
    const STALE: i64 = 127;
    let is_administrator = level >= Level::Administrator;
    let is_fresh = matches!(level, Level::FreshPerson | Level::FreshAdministrator);
    match right {
        Right::Anybody => None,
        _ if level == Level::Stranger => Some(NOT_AUTHENTICATED),
        Right::Root => Some(NOT_AUTHORIZED),
        Right::Administrator(_) if !is_administrator => Some(NOT_AUTHORIZED),
        Right::Administrator(Proof::New) | Right::Own(Proof::New) => Some(STALE),
        Right::Administrator(Proof::Fresh) | Right::Own(Proof::Fresh) if !is_fresh => Some(STALE),
        _ => None,
    }
}

#[test]
fn every_method_at_every_level_of_the_web() {
    for level in LEVELS {
        let mut web = at(level);
        for method in methods() {
            let access = web.machine.session.access(method.name, web.machine.now);
            // Params that no method takes: whoever may call is told so, and nobody else is told anything.
            let params = RawParams::Named(
                [("no such param".to_owned(), json!(1))]
                    .into_iter()
                    .collect(),
            );
            let Err(error) = method.prepare(&access, params) else {
                panic!("{level:?} {} took anything", method.name);
            };
            let object = serde_json::to_value(error.to_object()).unwrap();
            let found = object["data"]["error"].as_i64().unwrap();
            let expected = refusal(level, method.right).unwrap_or(22);
            assert_eq!(found, expected, "{level:?} {}: {object}", method.name);
        }
        if level > Level::Stranger {
            // It is the same at the end: nothing of it signed anybody out.
            assert_eq!(web.machine.ok("auth.me", json!([]))["pw_name"], PERSON.0);
        }
    }
}

#[test]
fn every_event_at_every_level_of_the_web() {
    for level in LEVELS {
        let mut web = at(level);
        for event in EVENTS {
            let expected = match refusal(level, Right::SignedIn) {
                Some(errno) => Some(errno),
                None => refusal(level, event.right),
            };
            let found = web.machine.call("core.subscribe", json!([event.name]));
            let found = found
                .err()
                .map(|error| error["data"]["error"].as_i64().unwrap());
            assert_eq!(found, expected, "{level:?} {}", event.name);
        }
    }
}

/// A code for one method opens that one, for those whose method it is, and once.
#[test]
fn every_method_with_a_code_of_its_own() {
    for level in [Level::Person, Level::Administrator] {
        let mut web = at(level);
        let secret = web.enrol(PERSON.0);
        for method in methods() {
            let errno = |web: &mut Web| {
                let unknown = [("no such param".to_owned(), json!(1))];
                let access = web.machine.session.access(method.name, web.machine.now);
                let params = RawParams::Named(unknown.into_iter().collect());
                let error = method.prepare(&access, params).err().unwrap();
                let object = serde_json::to_value(error.to_object()).unwrap();
                object["data"]["error"].as_i64().unwrap()
            };
            if method.right.proof() != Some(Proof::New) {
                continue;
            }
            assert_eq!(web.reauthenticate(&secret, Some(method.name)), true);
            let expected = match refusal(level, method.right) {
                Some(127) | None => 22,
                Some(other) => other,
            };
            assert_eq!(errno(&mut web), expected, "{level:?} {}", method.name);
            let again = refusal(level, method.right).unwrap_or(22);
            assert_eq!(errno(&mut web), again, "{level:?} {} again", method.name);
        }
    }
}

/// Root's own socket asks for nothing, whatever is asked on the web's.
#[test]
fn every_method_and_event_on_roots_socket() {
    let mut web = at(Level::Stranger);
    web.as_root(|machine| {
        for method in methods() {
            let access = machine.session.access(method.name, machine.now);
            assert!(access.admit(method.right).is_ok(), "{}", method.name);
            assert!(access.may_reveal() && access.require_fresh().is_ok());
        }
        for event in EVENTS {
            machine.ok("core.subscribe", json!([event.name]));
        }
    });
}

/// Whether somebody at this level is told of what happens to the devices of two accounts: first all of
/// theirs, then all of the other's.
fn hears(level: Level, subscribed: &str) -> Vec<[bool; 2]> {
    let mut web = at(level);
    web.machine.ok("core.subscribe", json!([subscribed]));
    let mut told = Vec::new();
    for name in [PERSON.0, OTHER.0] {
        web.machine.events.clear();
        web.as_root(|machine| {
            let new = json!([{ "username": name, "name": "tablet" }]);
            let id = machine.ok("auth.twofactor.device.create", new)["id"].clone();
            let changes = json!([id, { "name": "slate" }]);
            machine.ok("auth.twofactor.device.update", changes);
            machine.ok("auth.twofactor.device.delete", json!([id]));
        });
        let events = std::mem::take(&mut web.machine.events);
        let of_devices: Vec<_> = events
            .iter()
            .filter(|event| event.collection() == "auth.twofactor.device")
            .map(|event| web.machine.session.wants(event, web.machine.now))
            .collect();
        assert_eq!(of_devices.len(), 3, "added, changed, removed");
        let all = of_devices.iter().all(|told| *told);
        told.push([all, of_devices.iter().any(|told| *told)]);
    }
    told
}

#[test]
fn people_are_told_of_their_own_devices_and_administrators_of_all() {
    for subscribed in ["auth.twofactor.device", "*"] {
        for level in [Level::Person, Level::FreshPerson] {
            let told = hears(level, subscribed);
            assert_eq!(told, [[true; 2], [false; 2]], "{level:?} {subscribed}");
        }
        let told = hears(Level::Administrator, subscribed);
        assert_eq!(told, [[true; 2]; 2], "{subscribed}");
    }
}

/// The table itself: nobody makes one of these wider by mistake.
#[test]
fn what_exists_on_roots_socket_only_and_what_strangers_may_call() {
    let names = |right: Right| -> Vec<&str> {
        let of_right = methods().filter(|method| method.right == right);
        of_right.map(|method| method.name).collect()
    };
    assert_eq!(
        names(Right::Root),
        [
            "auth.twofactor.authenticate",
            "auth.twofactor.export",
            "auth.twofactor.import",
            "auth.twofactor.restore",
            "auth.twofactor.restore_page",
            "auth.twofactor.verify",
            "auth.twofactor.device.enrol",
            "auth.twofactor.device.explain",
            "auth.twofactor.exemption.create",
            "auth.twofactor.exemption.delete",
            "auth.twofactor.policy.update",
            "auth.twofactor.ssh.report",
            "user.verify_twofactor_token",
        ]
    );
    assert_eq!(
        names(Right::Anybody),
        [
            "auth.login",
            "auth.login_ex",
            "auth.login_ex_continue",
            "auth.mechanism_choices",
            "core.ping",
            "core.set_options",
        ]
    );
    let for_everybody = EVENTS.iter().filter(|event| event.right == Right::Anybody);
    assert_eq!(for_everybody.count(), 0);
}

/// Some calls of a method ask for more than the method.
#[test]
fn what_is_worse_than_its_method_asks_for_more() {
    let mut web = at(Level::FreshAdministrator);
    let everybody = json!([{ "username": null, "reason": "a test" }]);
    for (name, params, errno) in [
        ("auth.twofactor.update", json!([{ "enabled": false }]), 127),
        (
            "auth.twofactor.try",
            json!([{ "changes": { "enabled": false } }]),
            127,
        ),
        (
            "auth.twofactor.try",
            json!([{ "changes": { "policy": { "unenrolled": "ALLOW" } } }]),
            13,
        ),
        ("auth.twofactor.bypass.create", everybody.clone(), 127),
    ] {
        assert_eq!(web.errno(name, params), errno, "{name}");
    }
    let secret = web.enrol(PERSON.0);
    let bypass = "auth.twofactor.bypass.create";
    assert_eq!(web.reauthenticate(&secret, Some(bypass)), true);
    assert_eq!(web.errno(bypass, everybody), 13, "for root at this machine");
    // It was used up by that.
    let for_one = |name: &str| json!([{ "username": name, "reason": "a test" }]);
    assert_eq!(web.errno(bypass, for_one(OTHER.0)), 127);
    assert_eq!(web.reauthenticate(&secret, Some(bypass)), true);
    assert_eq!(web.errno(bypass, for_one(PERSON.0)), 13, "not for oneself");
    assert_eq!(web.reauthenticate(&secret, Some(bypass)), true);
    assert_eq!(
        web.machine.ok(bypass, for_one(OTHER.0))["username"],
        OTHER.0
    );
    // A code for one call is none for another.
    assert_eq!(web.reauthenticate(&secret, Some(bypass)), true);
    let off = json!([{ "enabled": false }]);
    assert_eq!(web.errno("auth.twofactor.update", off.clone()), 127);
    assert_eq!(
        web.reauthenticate(&secret, Some("auth.twofactor.update")),
        true
    );
    assert_eq!(
        web.machine.ok("auth.twofactor.update", off)["enabled"],
        false
    );
}

/// Somebody who is no administrator gets at nothing of anybody else, and cannot ask who there is.
#[test]
fn people_act_on_their_own_account_alone() {
    let mut web = at(Level::FreshPerson);
    let theirs = web.as_root(|machine| {
        let created = json!([{ "username": OTHER.0 }]);
        let id = machine.ok("auth.twofactor.device.create", created)["id"].clone();
        machine.ok("user.renew_2fa_secret", json!([OTHER.0, {}]));
        let set = machine.ok("auth.twofactor.recovery.generate", json!([OTHER.0]));
        (id, set["id"].clone())
    });
    for name in [OTHER.0, "root", "nobody-of-that-name"] {
        for (method, params) in [
            (
                "auth.twofactor.device.create",
                json!([{ "username": name }]),
            ),
            ("auth.twofactor.device.query", json!([{ "username": name }])),
            ("auth.twofactor.recovery.generate", json!([name])),
            ("auth.twofactor.recovery.remaining", json!([name])),
            ("user.renew_2fa_secret", json!([name, {}])),
            ("user.twofactor_config", json!([name])),
        ] {
            assert_eq!(web.errno(method, params), 13, "{method} {name}");
        }
    }
    let (device, set) = theirs;
    for (method, params) in [
        (
            "auth.twofactor.device.update",
            json!([device, { "name": "mine" }]),
        ),
        ("auth.twofactor.device.delete", json!([device])),
        (
            "auth.twofactor.device.confirm",
            json!([{ "id": device, "token": "123456" }]),
        ),
        ("auth.twofactor.recovery.confirm_saved", json!([set])),
    ] {
        assert_eq!(
            web.errno(method, params),
            2,
            "{method}: as if it were not there"
        );
    }
    // Their own they see, and only those.
    let devices = web.machine.ok("auth.twofactor.device.query", json!([]));
    let owners: Vec<_> = devices
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["username"])
        .collect();
    assert_eq!(owners, [PERSON.0]);
    let renewed = web
        .machine
        .ok("user.renew_2fa_secret", json!([PERSON.0, {}]));
    assert!(renewed["twofactor_config"]["provisioning_uri"].is_string());
    let all = web.as_root(|machine| machine.ok("auth.twofactor.device.query", json!([])));
    assert_eq!(
        all.as_array().unwrap().len(),
        4,
        "daemon, root, and two of bin"
    );
}

/// A browser left open shows no secret.
#[test]
fn secrets_are_shown_by_a_code_for_that_call() {
    let mut web = at(Level::FreshAdministrator);
    let secret = web.enrol(PERSON.0);
    let config = "auth.twofactor.config";
    let own = "user.twofactor_config";
    assert!(web.machine.config().get("secret").is_none());
    let shown = web.machine.ok(own, json!([PERSON.0]));
    assert!(shown.get("provisioning_uri").is_none() && shown["secret_configured"] == true);
    let changed = web.machine.update(json!({ "window": 1 }));
    assert!(changed.get("secret").is_none(), "{changed}");
    assert_eq!(web.reauthenticate(&secret, Some(config)), true);
    assert!(web.machine.config()["secret"].is_string());
    assert!(web.machine.config().get("secret").is_none(), "once");
    assert_eq!(web.reauthenticate(&secret, Some(own)), true);
    let shown = web.machine.ok(own, json!([PERSON.0]));
    assert!(shown["provisioning_uri"].is_string());
    let uri = "auth.twofactor.provisioning_uri";
    assert_eq!(web.errno(uri, json!([])), 127);
    assert_eq!(web.reauthenticate(&secret, Some(uri)), true);
    assert!(web.machine.ok(uri, json!([])).is_string());
}
