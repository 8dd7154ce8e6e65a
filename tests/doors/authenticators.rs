//! Devices of every shape, whose codes are made by authenticators that other people wrote.

use serde_json::json;

use crate::codes::authenticators::{Pyotp, oathtool};
use crate::codes::cases::Case;
use crate::site::{Site, login};

/// The window of the settings, in steps.
const WINDOW: u64 = 1;

/// pyotp reads the URI as a phone does, oathtool gets the secret; both agree with the daemon on each
/// code of the window and on none outside.
#[test]
fn devices_of_every_shape_agree_with_pyotp_and_oathtool() {
    let mut site = Site::new();
    site.call("auth.twofactor.update", json!([{"window": WINDOW}]));
    let mut pyotp = Pyotp::start();
    for digits in [6, 7, 8] {
        for interval in [30, 60] {
            let name = format!("{digits} digits, {interval} s");
            let params = json!([{
                "username": "alice", "name": name, "otp_digits": digits, "interval": interval,
            }]);
            let created = site.call("auth.twofactor.device.create", params);
            let case = Case {
                time: site.now(),
                digits,
                interval,
                window: WINDOW,
            };
            let steps = case.steps_around(1);
            let secret = created["secret"].as_str().unwrap();
            let uri = created["provisioning_uri"].as_str().unwrap();
            let codes = oathtool(secret, case, steps.clone());
            assert_eq!(codes, pyotp.codes_of_uri(uri, case, steps), "{name}");
            // One before the window, its three, and one after it. The first of the window is spent on
            // confirming, which burns what is before it.
            let confirm = json!([{"id": created["id"], "token": codes[1]}]);
            site.call("auth.twofactor.device.confirm", confirm);
            for (code, verdict) in [
                (&codes[0], "WRONG"),
                (&codes[1], "REPLAYED"),
                (&codes[4], "WRONG"),
                (&codes[2], "ACCEPTED"),
                (&codes[3], "ACCEPTED"),
                (&codes[2], "REPLAYED"),
            ] {
                let answer = site.ask(&login("alice").code(code));
                assert_eq!(answer["verdict"], verdict, "{name}: {code} of {codes:?}");
                if verdict == "ACCEPTED" {
                    assert_eq!(answer["device"], name);
                }
            }
            // As people type it, and as they do not.
            site.pass(4 * interval);
            let now = Case {
                time: site.now(),
                ..case
            };
            let code = oathtool(secret, now, now.steps_around(0)).remove(1);
            let (left, right) = code.split_at(3);
            let slip = site.verdict(&login("alice").code(&format!("{left}-{right}")));
            assert_eq!(slip, "WRONG");
            let spaced = site.verdict(&login("alice").code(&format!(" {left} {right}")));
            assert_eq!(spaced, "ACCEPTED", "{name}");
        }
    }
}
