//! Bypasses, exemptions, graces and invites: given, listed, taken back.

use serde_json::{Value, json};

use super::commands::check;
use super::script::{Script, right};

#[test]
fn bypasses() {
    let bypass = |user: Value, uses: u32| {
        json!({"id": 4, "username": user, "until": 1_795_508_731, "uses_left": uses,
               "reason": "phone lost", "created": 0})
    };
    let create = "auth.twofactor.bypass.create";
    check(
        &["bypass", "alice", "--reason", "phone lost"],
        (
            create,
            json!([{"username": "alice", "reason": "phone lost"}]),
        ),
        &bypass(json!("alice"), 1),
        "alice without a code: 1 login, until 2026-11-24 08:25 UTC.\n\
         To take it back: midclt 2fa bypass --delete 4\n",
    );
    check(
        &[
            "bypass",
            "list",
            "--minutes",
            "60",
            "--uses",
            "3",
            "--reason",
            "x",
        ],
        (
            create,
            json!([{"username": "list", "minutes": 60, "uses": 3, "reason": "x"}]),
        ),
        &bypass(json!("list"), 3),
        "list without a code: 3 logins, until 2026-11-24 08:25 UTC.\n\
         To take it back: midclt 2fa bypass --delete 4\n",
    );
    check(
        &[
            "bypass",
            "--everybody",
            "--yes",
            "--uses",
            "1",
            "--reason",
            "x",
        ],
        (
            create,
            json!([{"username": null, "uses": 1, "reason": "x"}]),
        ),
        &bypass(Value::Null, 1),
        "EVERYBODY without a code: 1 login, until 2026-11-24 08:25 UTC.\n\
         To take it back: midclt 2fa bypass --delete 4\n",
    );
    check(
        &["bypass", "--list"],
        ("auth.twofactor.bypass.query", json!([])),
        &json!([bypass(json!("alice"), 1), bypass(Value::Null, 10)]),
        "ID  USER       UNTIL (UTC)       LOGINS  REASON\n\
         4   alice      2026-11-24 08:25  1       phone lost\n\
         4   EVERYBODY  2026-11-24 08:25  10      phone lost\n",
    );
    check(
        &["bypass", "--list", "alice"],
        (
            "auth.twofactor.bypass.query",
            json!([{"username": "alice"}]),
        ),
        &json!([]),
        "None.\n",
    );
    check(
        &["bypass", "--delete", "4"],
        ("auth.twofactor.bypass.delete", json!([4])),
        &json!(true),
        "Taken back.\n",
    );
}

#[test]
fn exemptions() {
    let date = |words: &[&str]| {
        let output = std::process::Command::new("date")
            .arg("-u")
            .args(words)
            .output();
        String::from_utf8(output.unwrap().stdout)
            .unwrap()
            .trim()
            .to_owned()
    };
    let day = date(&["-d", "now + 30 days", "+%F"]);
    let until: i64 = date(&["-d", &day, "+%s"]).parse().unwrap();
    let exemption = json!({"id": 2, "username": "backup", "until": until,
                           "reason": "rsync", "created": 0});
    check(
        &[
            "exempt", "backup", "--until", &day, "--reason", "rsync", "-y",
        ],
        (
            "auth.twofactor.exemption.create",
            json!([{"username": "backup", "until": until, "reason": "rsync"}]),
        ),
        &exemption,
        &format!(
            "backup is not asked for a code until {day} 00:00 UTC.\n\
             To take it back: midclt 2fa exempt --delete 2\n"
        ),
    );
    check(
        &["exempt", "--list"],
        ("auth.twofactor.exemption.query", json!([])),
        &json!([exemption]),
        &format!("ID  USER    UNTIL (UTC)       REASON\n2   backup  {day} 00:00  rsync\n"),
    );
    check(
        &["exempt", "--delete", "2"],
        ("auth.twofactor.exemption.delete", json!([2])),
        &json!(true),
        "Taken back.\n",
    );
}

#[test]
fn exemptions_for_some_days() {
    let result = json!({"id": 2, "username": "u", "until": 0, "reason": "r", "created": 0});
    let played = Script::new()
        .on("auth.twofactor.exemption.create", right(&result))
        .play();
    let words = [
        "2fa", "exempt", "u", "--days", "3", "--reason", "r", "--yes",
    ];
    assert!(played.midclt(&words).output().unwrap().status.success());
    let until = played.asked()[0].1[0]["until"].as_u64().unwrap();
    let date = std::process::Command::new("date")
        .arg("+%s")
        .output()
        .unwrap();
    let now: u64 = String::from_utf8(date.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let in_three_days = now + 3 * 86_400;
    assert!(
        (in_three_days - 60..=in_three_days).contains(&until),
        "{until} {now}"
    );
}

/// While it is off, a permission makes no difference.
#[test]
fn nobody_is_asked_anyway() {
    let until = json!({"id": 1, "username": "a", "until": 0, "uses_left": 1, "reason": "r"});
    for (enabled, said) in [
        (
            false,
            "midclt: two-factor authentication is off: nobody is asked for a code anyway\n",
        ),
        (true, ""),
    ] {
        let played = Script::new()
            .on("auth.twofactor.bypass.create", right(&until))
            .on("auth.twofactor.grace.create", right(&until))
            .on("auth.twofactor.config", right(&json!({"enabled": enabled})))
            .play();
        let words: [&[&str]; 2] = [
            &["2fa", "bypass", "a", "--reason", "r"],
            &["2fa", "grace", "a"],
        ];
        for words in words {
            let output = played.midclt(words).output().unwrap();
            assert_eq!(String::from_utf8(output.stderr).unwrap(), said, "{words:?}");
        }
    }
}

#[test]
fn graces() {
    let grace = json!({"username": "alice", "until": 1_795_508_731});
    let text = "alice may log in without a device until 2026-11-24 08:25 UTC.\n\
                To set one up: midclt 2fa device add alice\n";
    let create = "auth.twofactor.grace.create";
    check(
        &["grace", "alice"],
        (create, json!([{"username": "alice"}])),
        &grace,
        text,
    );
    check(
        &["grace", "alice", "--days", "30"],
        (create, json!([{"username": "alice", "days": 30}])),
        &grace,
        text,
    );
    check(
        &["grace", "--list"],
        ("auth.twofactor.grace.query", json!([])),
        &json!([grace]),
        "USER   UNTIL (UTC)\nalice  2026-11-24 08:25\n",
    );
    check(
        &["grace", "--delete", "alice"],
        ("auth.twofactor.grace.delete", json!(["alice"])),
        &json!(true),
        "Taken back.\n",
    );
}

#[test]
fn invites() {
    let create = "auth.twofactor.invite.create";
    let invite = json!({"id": 5, "username": "alice", "invite": "K-ABCD-EFGH-IJKL-MNOP",
                        "expires": 1_795_508_731, "created": 0});
    check(
        &["invite", "alice", "--hours", "72"],
        (create, json!([{"username": "alice", "hours": 72}])),
        &invite,
        "Invite for alice: K-ABCD-EFGH-IJKL-MNOP\n\
         It works once, until 2026-11-24 08:25 UTC. Nobody else may see it.\n\
         Nothing here takes invites yet. Without one: midclt 2fa device add alice\n\
         To take it back: midclt 2fa invite --delete 5\n",
    );
    check(
        &["invite", "--list", "alice"],
        (
            "auth.twofactor.invite.query",
            json!([{"username": "alice"}]),
        ),
        &json!([{"id": 5, "username": "alice", "expires": 1_795_508_731, "created": 0}]),
        "ID  USER   UNTIL (UTC)\n5   alice  2026-11-24 08:25\n",
    );
    check(
        &["invite", "--delete", "5"],
        ("auth.twofactor.invite.delete", json!([5])),
        &json!(true),
        "Taken back.\n",
    );
}
