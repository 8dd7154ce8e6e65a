//! The doctor where systemd is the first process: each finding is provoked, and gone once what it names
//! was done.

use serde_json::Value;
use testkit::Container;

use super::site::installed;

/// Kinds that are provoked elsewhere: `tests/people/doctor.rs`, and `tests/clocks` for what status says.
const ELSEWHERE: [&str; 4] = ["OFF", "STATUS", "EXEMPTION_ENDS", "SSHD_UNKNOWN"];

struct Case {
    code: &'static str,
    breaks: &'static str,
    /// What somebody does who reads it, where the command that is named only shows where to look.
    by_hand: Option<&'static str>,
    after: &'static str,
}

/// One that its own command mends.
const fn mended(code: &'static str, breaks: &'static str) -> Case {
    Case {
        code,
        breaks,
        by_hand: None,
        after: "true",
    }
}

const STATE_ON_A_DISK_OF_ITS_OWN: &str = "systemctl stop middlewared.socket middlewared.service
    cp -a /var/lib/middlewared /root/state
    mount -t tmpfs -o size=40m,mode=700 disk /var/lib/middlewared
    chown middlewared: /var/lib/middlewared
    cp -a /root/state/. /var/lib/middlewared
    systemctl reset-failed
    systemctl start middlewared.service";

const STATE_AS_IT_WAS: &str = "systemctl stop middlewared.socket middlewared.service
    mountpoint -q /var/lib/middlewared && umount /var/lib/middlewared
    rm -rf /var/lib/middlewared /var/lib/middlewared.aside
    mv /root/state /var/lib/middlewared
    systemctl reset-failed
    systemctl start middlewared.socket middlewared.service";

/// Long on purpose: a table.
fn cases() -> Vec<Case> {
    vec![
        mended("STATE_OPEN", "chmod 755 /var/lib/middlewared"),
        mended(
            "DATABASE_OPEN",
            "chmod 644 /var/lib/middlewared/middlewared.db",
        ),
        mended("KEY_OPEN", "chmod 640 /var/lib/middlewared/middlewared.key"),
        mended(
            "KEY_OPEN",
            "chown root: /var/lib/middlewared/middlewared.key",
        ),
        mended("SOCKET_OPEN", "chmod 666 /run/middleware/middlewared.sock"),
        mended(
            "SOCKET_DISABLED",
            "systemctl disable --quiet middlewared.socket",
        ),
        mended(
            "UNIT_MASKED",
            "systemctl stop middlewared.socket middlewared.service
             systemctl mask --quiet middlewared.socket",
        ),
        mended("UNIT_MASKED", "systemctl mask --quiet middlewared.service"),
        mended(
            "DAEMON",
            "systemctl stop middlewared.socket middlewared.service",
        ),
        mended(
            "NOT_A_SOCKET",
            "systemctl stop middlewared.socket middlewared.service
             touch /run/middleware/middlewared.sock",
        ),
        Case {
            code: "NO_CONSOLE",
            breaks: "echo root:word-of-root | chpasswd; passwd --quiet --lock root",
            by_hand: Some("printf 'word\\nword\\n' | passwd --quiet root"),
            after: "true",
        },
        Case {
            code: "KEY_MISSING",
            breaks: "mv /var/lib/middlewared/middlewared.key /root",
            by_hand: Some("mv /root/middlewared.key /var/lib/middlewared"),
            after: "true",
        },
        Case {
            code: "TRUENAS",
            breaks: "mkdir -p /usr/lib/python3/dist-packages/truenas_api_client",
            by_hand: Some("rm -r /usr/lib/python3/dist-packages/truenas_api_client"),
            after: "true",
        },
        Case {
            code: "SSH_OFF",
            breaks: "true",
            by_hand: Some("true"),
            after: "true",
        },
        Case {
            code: "STATE_NO_DIRECTORY",
            breaks: "systemctl stop middlewared.socket middlewared.service
                mv /var/lib/middlewared /root/state
                touch /var/lib/middlewared",
            by_hand: None,
            after: STATE_AS_IT_WAS,
        },
        Case {
            code: "LITTLE_ROOM",
            breaks: "dd if=/dev/zero of=/var/lib/middlewared/fill bs=1M count=30 status=none",
            by_hand: Some("rm /var/lib/middlewared/fill"),
            after: STATE_AS_IT_WAS,
        },
        Case {
            code: "READ_ONLY",
            breaks: "systemctl stop middlewared.socket middlewared.service
                mount -o remount,ro /var/lib/middlewared",
            by_hand: None,
            after: STATE_AS_IT_WAS,
        },
    ]
}

/// What the doctor finds.
fn examined(container: &Container) -> Vec<Value> {
    let output = container.run(["midclt", "2fa", "doctor", "--json"]);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn of<'a>(found: &'a [Value], code: &str) -> Option<&'a Value> {
    found.iter().find(|finding| finding["code"] == code)
}

#[test]
fn each_finding_is_mended_by_what_it_names() {
    let container = installed();
    container.script(
        "echo root:word-of-root | chpasswd; midclt call auth.twofactor.update enabled=true",
    );
    for case in cases() {
        let Case { code, .. } = case;
        if ["LITTLE_ROOM", "READ_ONLY"].contains(&code) {
            container.script(STATE_ON_A_DISK_OF_ITS_OWN);
        }
        if code != "SSH_OFF" {
            let before = examined(&container);
            assert!(of(&before, code).is_none(), "{code}: before: {before:?}");
        }
        container.script(case.breaks);
        let found = examined(&container);
        let finding = of(&found, code).unwrap_or_else(|| panic!("{code}: {found:?}"));
        let cure = finding["cure"].as_str().unwrap().to_owned();
        if code == "SSH_OFF" {
            assert_eq!(cure, "midclt 2fa ssh enable");
            continue;
        }
        container.script(case.by_hand.unwrap_or(&cure));
        let left = examined(&container);
        assert!(of(&left, code).is_none(), "{code}: after {cure}: {left:?}");
        // One thing may have brought another, which its own command mends.
        if let Some(silent) = of(&left, "DAEMON").filter(|_| case.after == "true") {
            container.script(silent["cure"].as_str().unwrap());
            let left = examined(&container);
            assert!(of(&left, "DAEMON").is_none(), "{code}: {left:?}");
        }
        container.script(case.after);
    }
}

/// A kind that is documented, and no case provokes it, is a case that was forgotten.
#[test]
fn every_kind_has_a_case() {
    let document = include_str!("../../docs/recovery.md");
    let (_, table) = document.split_once("## What the doctor finds").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let kinds: Vec<&str> = rows
        .filter_map(|row| row.split_once("` | "))
        .map(|row| row.0)
        .filter(|kind| *kind != "code")
        .collect();
    assert!(kinds.len() > 10, "{kinds:?}");
    let cases = cases();
    for kind in kinds {
        let has_case = cases.iter().any(|case| case.code == kind);
        assert!(has_case || ELSEWHERE.contains(&kind), "{kind}");
    }
}
