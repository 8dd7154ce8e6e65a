//! One verifier: whatever was used up or counted at one door is so at every other.

use serde_json::json;

use crate::site::{Login, Phone, Site, login, wrong_code};
use crate::support::errno;

/// Every way to have a code of root's judged.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Door {
    Ssh,
    Web,
    Early,
    Verify,
    OfUser,
}

const DOORS: [Door; 5] = [
    Door::Ssh,
    Door::Web,
    Door::Early,
    Door::Verify,
    Door::OfUser,
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Judged {
    Accepted,
    Refused,
    Locked,
}

/// Root, on this machine: the two that take no source have that one.
fn local() -> Login {
    login("root").without("source")
}

impl Door {
    fn judge(self, site: &mut Site, code: &str) -> Judged {
        let verdict = match self {
            Door::Ssh => site.verdict(&local().code(code)),
            Door::Web => site.verdict(&local().with("service", "middleware").code(code)),
            Door::Early => site.verdict(&local().unproven().code(code)),
            Door::Verify => return yes_or_no(site, "auth.twofactor.verify", json!([code])),
            Door::OfUser => {
                return yes_or_no(site, "user.verify_twofactor_token", json!(["root", code]));
            }
        };
        match verdict.as_str() {
            "ACCEPTED" => Judged::Accepted,
            "WRONG" | "REPLAYED" => Judged::Refused,
            "LOCKED" => Judged::Locked,
            other => panic!("{self:?}: {other}"),
        }
    }
}

/// Being locked out is neither: an error.
fn yes_or_no(site: &mut Site, method: &str, params: serde_json::Value) -> Judged {
    let reply = site.socket.rpc(method, params);
    match reply.get("result") {
        Some(accepted) if accepted == true => Judged::Accepted,
        Some(accepted) if accepted == false => Judged::Refused,
        _ => {
            assert_eq!(errno(&reply["error"]), 16, "{method}: {reply}");
            Judged::Locked
        }
    }
}

/// A device of root's besides the first one, whose secret the 22.12 API shows.
fn root_phone(site: &mut Site) -> Phone {
    let phone = site.issue("root", "second");
    site.confirm(&phone);
    site.pass(30);
    phone
}

/// Every pair of doors, each with itself as well.
#[test]
fn a_code_used_at_one_door_is_refused_at_every_other() {
    let mut site = Site::new();
    let phone = root_phone(&mut site);
    for first in DOORS {
        let code = phone.code(site.now());
        assert_eq!(first.judge(&mut site, &code), Judged::Accepted, "{first:?}");
        for second in DOORS {
            let again = second.judge(&mut site, &code);
            assert_eq!(again, Judged::Refused, "{first:?}, then {second:?}");
        }
        site.pass(30);
    }
    // Confirming is using, too; and a code that made a device active at a door confirms nothing more.
    let confirmed = site.issue("root", "tablet");
    site.confirm(&confirmed);
    let code = confirmed.code(site.now());
    for door in DOORS {
        assert_eq!(
            door.judge(&mut site, &code),
            Judged::Refused,
            "confirmed, then {door:?}"
        );
    }
    for first in DOORS {
        let pending = site.issue("root", "third");
        let code = pending.code(site.now());
        assert_eq!(first.judge(&mut site, &code), Judged::Accepted, "{first:?}");
        let params = json!([{"id": pending.id, "token": code}]);
        site.refused("auth.twofactor.device.confirm", params);
        site.call("auth.twofactor.device.delete", json!([pending.id]));
        site.pass(30);
    }
}

#[test]
fn a_recovery_code_used_at_one_door_is_refused_at_every_other() {
    let mut site = Site::new();
    root_phone(&mut site);
    let codes = site.recovery_codes("root");
    for (first, code) in DOORS.into_iter().zip(&codes) {
        assert_eq!(first.judge(&mut site, code), Judged::Accepted, "{first:?}");
        for second in DOORS.into_iter().filter(|second| *second != first) {
            let again = second.judge(&mut site, code);
            assert_eq!(again, Judged::Refused, "{first:?}, then {second:?}");
        }
    }
}

/// Five wrong codes, wherever they were typed, close every door; so does a pending device's confirming.
#[test]
fn wrong_codes_at_one_door_are_counted_at_every_other() {
    let mut site = Site::new();
    let phone = root_phone(&mut site);
    for first in 0..DOORS.len() {
        let wrong = wrong_code(&[&phone], 6, site.now());
        for guess in 0..5 {
            let door = DOORS[(first + guess) % DOORS.len()];
            assert_eq!(
                door.judge(&mut site, &wrong),
                Judged::Refused,
                "{first} {guess} {door:?}"
            );
        }
        let good = phone.code(site.now());
        for door in DOORS {
            assert_eq!(
                door.judge(&mut site, &good),
                Judged::Locked,
                "{first} {door:?}"
            );
        }
        // Other places are not this place.
        assert_eq!(site.verdict(&login("root").code(&good)), "ACCEPTED");
        site.pass(30);
        let good = phone.code(site.now());
        assert_eq!(
            DOORS[first].judge(&mut site, &good),
            Judged::Accepted,
            "{first}"
        );
        site.pass(30);
    }
}

/// A device is confirmed with its own code, on the same budget.
#[test]
fn guesses_at_a_pending_device_are_counted_too() {
    let mut site = Site::new();
    let phone = root_phone(&mut site);
    let pending = site.issue("root", "tablet");
    let confirm = |site: &mut Site, code: &str| {
        let params = json!([{"id": pending.id, "token": code}]);
        let reply = site.socket.rpc("auth.twofactor.device.confirm", params);
        errno(&reply["error"])
    };
    let wrong = wrong_code(&[&phone, &pending], 6, site.now());
    for _ in 0..5 {
        assert_eq!(confirm(&mut site, &wrong), 22);
    }
    let right = pending.code(site.now());
    assert_eq!(confirm(&mut site, &right), 16, "locked");
    let good = phone.code(site.now());
    for door in DOORS {
        assert_eq!(door.judge(&mut site, &good), Judged::Locked, "{door:?}");
    }
    site.pass(30);
    let right = pending.code(site.now());
    assert_eq!(confirm(&mut site, &right), 0, "confirmed");
}
