//! Machines with one thing wrong each, and what is found.
// Long on purpose: a table of machines and findings.

use super::*;
use crate::dropin::RootDoor;
use crate::methods::EITHER;
use crate::sshd::tests::Machine;
use crate::{JOBS, SSHD_CONFIG};

const MODULE: &str = "/usr/lib/security/pam_middleware.so";
const OTHER: &str = "/etc/ssh/sshd_config.d/50-other.conf";
const FIRST: &str = "/etc/ssh/sshd_config.d/05-first.conf";
const KEYS: &str = "/root/.ssh/authorized_keys";
const NOW: i64 = 1_795_000_000;

/// Debian with the module, before anything was turned on.
fn bare() -> Machine {
    let machine = Machine::debian();
    machine
        .put(MODULE, "")
        .put(
            "/etc/passwd",
            "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/sh\n",
        )
        .put("/etc/group", "root:x:0:\nnogroup:x:65534:\n")
        .put("/etc/shadow", "root:$y$x:1::::::\n")
        .put(KEYS, "# mine\nssh-ed25519 AAAA root@x\n");
    machine
}

/// The same with everything turned on as `midclt 2fa ssh enable` does.
fn ready(wanted: &Wanted) -> Machine {
    let machine = bare();
    let plan = preflight(&machine.system, wanted).unwrap();
    assert_eq!(plan.findings, [], "{plan:?}");
    for change in &plan.changes {
        machine.put(change.path, change.text.as_deref().unwrap());
    }
    machine
}

/// `CODE text` of each that is an error, and `(CODE) text` of the others.
fn lines(findings: &[Finding]) -> Vec<String> {
    let line = |finding: &Finding| {
        let code = finding.code.as_str();
        match finding.severity {
            Severity::Error => format!("{code} {}", finding.text),
            _ => format!("({code}) {}", finding.text),
        }
    };
    findings.iter().map(line).collect()
}

#[track_caller]
fn finds(machine: &Machine, expected: &[&str]) {
    let report = check(&machine.system, NOW).unwrap();
    assert_eq!(lines(&report.findings), expected);
    let has_errors = expected.iter().any(|line| !line.starts_with('('));
    assert_eq!(report.ready, !has_errors);
}

#[test]
fn a_machine_that_is_ready() {
    for root_password in [false, true] {
        let wanted = Wanted {
            root_password,
            ..Wanted::default()
        };
        let machine = ready(&wanted);
        finds(&machine, &[]);
        let report = check(&machine.system, NOW).unwrap();
        assert_eq!(report.mode, Some(Mode::PasswordOrKey));
        let both = "key + code, or password + code";
        let root = if root_password { both } else { "key + code" };
        let doors: Vec<_> = report
            .doors
            .iter()
            .map(|door| {
                (
                    door.account.as_deref(),
                    door.configured.as_str(),
                    door.effective.as_str(),
                )
            })
            .collect();
        assert_eq!(doors, [(None, both, both), (Some("root"), root, root)]);
    }
}

#[test]
fn a_machine_where_nothing_was_done() {
    finds(
        &bare(),
        &[
            "NO_DROPIN /etc/ssh/sshd_config.d/10-middlewared.conf is not there: sshd asks for no code",
            "STACK_MISSING /etc/pam.d/sshd does not call the module",
        ],
    );
}

#[test]
fn one_thing_that_is_gone_or_changed() {
    let case = |change: &dyn Fn(&Machine), expected: &[&str]| {
        let machine = ready(&Wanted::default());
        change(&machine);
        finds(&machine, expected);
    };
    let remove = |path: &'static str| {
        move |machine: &Machine| std::fs::remove_file(machine.system.root.at(path)).unwrap()
    };
    case(
        &remove(MODULE),
        &["NO_MODULE pam_middleware.so is not installed: PAM would refuse everybody"],
    );
    case(
        &remove(KEYS),
        &[
            "(ROOT_NO_KEY) root needs a key, and has none in /root/.ssh/authorized_keys or /root/.ssh/authorized_keys2",
        ],
    );
    case(
        &|machine| {
            machine.put("/etc/shadow", "root:*:1::::::\n");
        },
        &[
            "(NO_CONSOLE) nobody can become root at a console: no password of root or of an administrator is usable",
        ],
    );
    case(
        &|machine| {
            machine.put("/etc/default/ssh", "SSHD_OPTS=-oUsePAM=no\n");
        },
        &[
            "NOT_PROVABLE /etc/default/ssh has SSHD_OPTS=-oUsePAM=no, which may win over /etc/ssh/sshd_config",
        ],
    );
    case(
        &|machine| {
            let text = machine
                .text(STACK)
                .replace("account required pam_middleware.so\n", "");
            machine.put(STACK, &text);
        },
        &["STACK_CHANGED /etc/pam.d/sshd: the lines of middlewared are not as they were written"],
    );
    case(
        &|machine| {
            let text = machine.text(STACK);
            machine.put(STACK, &format!("auth sufficient pam_rootok.so\n{text}"));
        },
        &["SUFFICIENT /etc/pam.d/sshd:1: \"sufficient\" of pam_rootok.so may skip the code"],
    );
    case(
        &|machine| {
            let text = machine.text(SSHD_CONFIG).replace("\nInclude", "\n#Include");
            machine.put(SSHD_CONFIG, &text);
        },
        &[
            "NOT_INCLUDED /etc/ssh/sshd_config does not include /etc/ssh/sshd_config.d/10-middlewared.conf",
            "OVERRIDDEN everybody comes in with key alone, or password alone",
            "OVERRIDDEN root comes in with key alone",
        ],
    );
    case(
        &|machine| {
            machine.put(FIRST, "UsePAM maybe\n");
        },
        &[
            "SSHD_REFUSES sshd -t: /etc/ssh/sshd_config.d/05-first.conf line 1: unsupported option \"maybe\".",
        ],
    );
}

/// An earlier drop-in wins over ours, and a `Match` block over both.
#[test]
fn other_files_that_win() {
    let case = |file: &str, text: &str, expected: &[&str]| {
        let machine = ready(&Wanted::default());
        machine.put(file, text);
        finds(&machine, expected);
    };
    case(
        FIRST,
        "AuthenticationMethods any\n",
        &[
            "OVERRIDDEN everybody comes in with key alone, or password alone (/etc/ssh/sshd_config.d/05-first.conf:1)",
        ],
    );
    case(
        FIRST,
        "PermitRootLogin prohibit-password\n",
        &[
            "ROOT_REFUSED root is refused whatever it proves: PermitRootLogin without-password (/etc/ssh/sshd_config.d/05-first.conf:1)",
        ],
    );
    case(
        FIRST,
        "PasswordAuthentication yes\nPubkeyAuthentication no\n",
        &[
            "(KEYS_OFF) everybody: PubkeyAuthentication is off: keys help nobody (/etc/ssh/sshd_config.d/05-first.conf:2)",
            "(PASSWORD_METHOD_ON) everybody: PasswordAuthentication is on, though nobody can use it (/etc/ssh/sshd_config.d/05-first.conf:1)",
        ],
    );
    case(
        FIRST,
        "UsePAM no\n",
        &[
            "USE_PAM_OFF everybody: UsePAM is off: nobody is asked, nobody comes in (/etc/ssh/sshd_config.d/05-first.conf:1)",
        ],
    );
    case(
        FIRST,
        "KbdInteractiveAuthentication no\n",
        &[
            "SSHD_REFUSES sshd -t: AuthenticationMethods cannot be satisfied by enabled authentication methods",
        ],
    );
    case(
        OTHER,
        "PubkeyAuthOptions verify-required\n",
        &["(VERIFY_REQUIRED) keys in hardware are taken only with their PIN or finger"],
    );
    case(OTHER, "AuthenticationMethods publickey\nUsePAM no\n", &[]);
}

#[test]
fn a_match_block_that_goes_around() {
    let case = |text: &str, expected: &[&str]| {
        let machine = ready(&Wanted::default());
        machine.put(OTHER, text);
        let found = check(&machine.system, NOW).unwrap();
        assert_eq!(lines(&found.findings), expected, "{text}");
    };
    case(
        "Match Address 10.0.0.0/8\n  AuthenticationMethods publickey\n",
        &[
            "MATCH_AROUND \"Match Address 10.0.0.0/8\" comes in with key alone (/etc/ssh/sshd_config.d/50-other.conf:2)",
        ],
    );
    case(
        "Match Address 10.0.0.0/8\n  PasswordAuthentication yes\n",
        &[
            "(PASSWORD_METHOD_ON) \"Match Address 10.0.0.0/8\": PasswordAuthentication is on, though nobody can use it (/etc/ssh/sshd_config.d/50-other.conf:2)",
        ],
    );
    case(
        "Match Group nogroup LocalPort 2222\n  AuthenticationMethods publickey\n",
        &[
            "MATCH_AROUND \"Match Group nogroup LocalPort 2222\" comes in with key alone (/etc/ssh/sshd_config.d/50-other.conf:2)",
        ],
    );
    case(
        "Match User b*,!bob\n  KbdInteractiveAuthentication no\n",
        &[
            "MATCH_SHUTS \"Match User b*,!bob\": keyboard-interactive is off: the code cannot be asked for (/etc/ssh/sshd_config.d/50-other.conf:2)",
        ],
    );
    case(
        "Match Group nosuch\n  AuthenticationMethods publickey\n",
        &[
            "NOT_PROVABLE /etc/ssh/sshd_config.d/50-other.conf:1: what holds for \"Match Group nosuch\" cannot be proven",
        ],
    );
    case(
        "Match RDomain x\n  PermitRootLogin no\n",
        &[
            "(NOT_PROVABLE) /etc/ssh/sshd_config.d/50-other.conf:1: what holds for \"Match RDomain x\" cannot be proven",
        ],
    );
    // Ours comes first for root, and others cannot come to that block.
    case("Match User root\n  AuthenticationMethods publickey\n", &[]);
    // Nothing that decides who comes in.
    case(
        "Match Group nosuch\n  X11Forwarding no\nMatch User a\n  ForceCommand x\n",
        &[],
    );
    case(
        &format!("Match User alice\n  AuthenticationMethods {EITHER}\n"),
        &[],
    );
}

/// OpenSSH 9.8: another service is another stack, without our lines. Everything else looks right.
#[test]
fn another_pam_service_goes_around() {
    let case = |text: &str, user: &str, expected: &[&str]| {
        let machine = ready(&Wanted::default());
        machine.put(OTHER, text);
        machine.knows_pam_services(user, "other");
        finds(&machine, expected);
    };
    case("", "git", &[]);
    case(
        "PAMServiceName other\n",
        "nobody",
        &[
            "PAM_SERVICE everybody: PAM asks the stack of other, which has no line of ours (/etc/ssh/sshd_config.d/50-other.conf:1)",
        ],
    );
    case(
        "Match User git\n  PAMServiceName other\n",
        "git",
        &[
            "PAM_SERVICE \"Match User git\": PAM asks the stack of other, which has no line of ours (/etc/ssh/sshd_config.d/50-other.conf:2)",
        ],
    );
    case(
        "Match RDomain x\n  PAMServiceName other\n",
        "git",
        &[
            "NOT_PROVABLE /etc/ssh/sshd_config.d/50-other.conf:1: what holds for \"Match RDomain x\" cannot be proven",
        ],
    );
}

#[test]
fn the_quoted_form_is_found() {
    let machine = ready(&Wanted::default());
    let text = machine.text(DROPIN);
    let methods = format!("AuthenticationMethods {EITHER}");
    machine.put(
        DROPIN,
        &text.replace(&methods, &format!("AuthenticationMethods \"{EITHER}\"")),
    );
    finds(
        &machine,
        &[
            "DROPIN_CHANGED /etc/ssh/sshd_config.d/10-middlewared.conf is not as it was written",
            "QUOTED /etc/ssh/sshd_config.d/10-middlewared.conf:4: AuthenticationMethods in quotes is one list, which nobody can satisfy",
        ],
    );
}

#[test]
fn jobs() {
    let job = Job {
        account: "backup".to_owned(),
        until: NOW + 1,
        exemption: 1,
        reason: "rsync".to_owned(),
    };
    let machine = ready(&Wanted::default());
    machine.put(JOBS, &jobs::text(std::slice::from_ref(&job)).unwrap());
    finds(&machine, &[]);
    let doors = check(&machine.system, NOW).unwrap().doors;
    assert!(
        doors
            .iter()
            .any(|door| door.account.as_deref() == Some("backup")
                && door.configured == "key alone"
                && door.effective == "key alone")
    );
    machine.put(
        FIRST,
        "Match User backup\n  AuthenticationMethods publickey,publickey\n",
    );
    finds(
        &machine,
        &[
            "(JOB_CHANGED) the job of backup needs more than its key (/etc/ssh/sshd_config.d/05-first.conf:2)",
        ],
    );
    machine.put(FIRST, "");
    let over = Job { until: NOW, ..job };
    let text = jobs::text(&[over]).unwrap();
    machine.put(JOBS, &text);
    finds(
        &machine,
        &["(JOB_EXPIRED) the job of backup is over, and its block is still there"],
    );
    machine.put(
        JOBS,
        &text.replace("PasswordAuthentication no", "PasswordAuthentication yes"),
    );
    finds(
        &machine,
        &["JOB_CHANGED /etc/ssh/sshd_config.d/11-middlewared-jobs.conf was changed by hand"],
    );
}

/// What sshd had before decides about the drop-in, and again after it is there.
#[test]
fn no_door_is_opened_that_was_shut() {
    use RootDoor::{AsItWas, Key, PasswordOrKey};
    let case = |before: &str, root_password: bool, mode: Mode, root: RootDoor| {
        let machine = bare();
        machine.put(OTHER, before);
        let wanted = Wanted {
            root_password,
            ..Wanted::default()
        };
        for _ in 0..2 {
            let plan = preflight(&machine.system, &wanted).unwrap();
            assert_eq!(plan.dropin, Some(DropIn { mode, root }), "{before}");
            machine.put(DROPIN, &plan.dropin.unwrap().text());
        }
    };
    let either = Mode::PasswordOrKey;
    case("", false, either, Key);
    case("", true, either, PasswordOrKey);
    case("PermitRootLogin no\n", false, either, AsItWas);
    case("PermitRootLogin no\n", true, either, PasswordOrKey);
    case(
        "PermitRootLogin forced-commands-only\n",
        false,
        either,
        AsItWas,
    );
    case("PermitRootLogin yes\n", false, either, Key);
    // Under prohibit-password, sshd refuses root each of these after the key.
    case(
        "AuthenticationMethods publickey,password\n",
        false,
        Mode::KeyOnly,
        AsItWas,
    );
    case("AuthenticationMethods password\n", false, either, AsItWas);
    case("PubkeyAuthentication no\n", false, either, AsItWas);
    case("PasswordAuthentication no\n", false, Mode::KeyOnly, Key);
    case(
        "PasswordAuthentication no\nKbdInteractiveAuthentication yes\n",
        false,
        either,
        Key,
    );
    case(
        "AuthenticationMethods publickey\n",
        false,
        Mode::KeyOnly,
        Key,
    );
    case(
        "AuthenticationMethods publickey password\n",
        false,
        either,
        Key,
    );
}

#[test]
fn what_a_plan_says() {
    let case = |change: &dyn Fn(&Machine), expected: &[&str]| {
        let machine = bare();
        change(&machine);
        let plan = preflight(&machine.system, &Wanted::default()).unwrap();
        assert_eq!(lines(&plan.findings), expected);
        assert_eq!(
            plan.is_good(),
            expected.iter().all(|line| line.starts_with('('))
        );
    };
    let put = |path: &'static str, text: &'static str| {
        move |machine: &Machine| {
            machine.put(path, text);
        }
    };
    case(&put(OTHER, ""), &[]);
    // A usual NAS: root by key from the own network. It would be refused, whatever it proves.
    case(
        &put(
            OTHER,
            "PermitRootLogin no\nMatch Address 10.0.0.0/8\n  PermitRootLogin prohibit-password\n",
        ),
        &[
            "ROOT_REFUSED /etc/ssh/sshd_config.d/50-other.conf:2: root at \"Match Address 10.0.0.0/8\" comes in now, and would be refused: PermitRootLogin without-password",
        ],
    );
    case(
        &put(
            OTHER,
            "AuthenticationMethods publickey,keyboard-interactive\nKbdInteractiveAuthentication yes\n",
        ),
        &[
            "LOSES_PASSWORD a key AND a password are needed now; with a key and a code, the key alone would let in whoever is exempt, bypassed or in grace, and everybody while codes are off",
        ],
    );
    case(
        &put(
            OTHER,
            "PermitRootLogin yes\nKbdInteractiveAuthentication yes\nMatch User root\n  AuthenticationMethods publickey,keyboard-interactive:pam\n",
        ),
        &[
            "LOSES_PASSWORD root: a key AND a password are needed now; with a key and a code, the key alone would let in whoever is exempt, bypassed or in grace, and everybody while codes are off",
        ],
    );
    case(
        &put(OTHER, "AuthenticationMethods publickey,password\n"),
        &[
            "LOSES_PASSWORD a key AND a password are needed now; with a key and a code, the key alone would let in whoever is exempt, bypassed or in grace, and everybody while codes are off",
        ],
    );
    case(
        &put(KEYS, "#ssh-ed25519 AAAA\n"),
        &[
            "ROOT_NO_KEY root needs a key, and has none in /root/.ssh/authorized_keys or /root/.ssh/authorized_keys2",
        ],
    );
    case(
        &put(STACK, "auth required pam_unix.so\n"),
        &["NO_INCLUDE /etc/pam.d/sshd has no line \"@include common-auth\""],
    );
    case(
        &put("/etc/pam.d/common-auth", "auth sufficient pam_unix.so\n"),
        &["SUFFICIENT /etc/pam.d/common-auth:1: \"sufficient\" of pam_unix.so may skip the code"],
    );
    case(
        &put(OTHER, "Match User git\n  PasswordAuthentication no\n"),
        &[
            "OPENS_PASSWORD /etc/ssh/sshd_config.d/50-other.conf:1: \"Match User git\": no password helps there now, and one would, with a code",
        ],
    );
    case(
        &put(
            OTHER,
            "PasswordAuthentication no\nMatch Address 10.0.0.0/8\n  PasswordAuthentication yes\n",
        ),
        &[
            "(LOSES_PASSWORD) /etc/ssh/sshd_config.d/50-other.conf:2: \"Match Address 10.0.0.0/8\": passwords help there now, and will not without a key",
            "(PASSWORD_METHOD_ON) \"Match Address 10.0.0.0/8\": PasswordAuthentication is on, though nobody can use it (/etc/ssh/sshd_config.d/50-other.conf:3)",
        ],
    );
    case(
        &put(FIRST, "UsePAM maybe\n"),
        &[
            "SSHD_REFUSES sshd -t: /etc/ssh/sshd_config.d/05-first.conf line 1: unsupported option \"maybe\".",
        ],
    );
    case(
        &put(SSHD_CONFIG, "UsePAM yes\n"),
        &[
            "NOT_INCLUDED /etc/ssh/sshd_config does not include /etc/ssh/sshd_config.d/10-middlewared.conf",
        ],
    );
}

#[test]
fn the_doors_of_a_plan() {
    let machine = bare();
    machine.put(OTHER, "PermitRootLogin yes\nMatch User git\n  AuthenticationMethods publickey,keyboard-interactive\n  KbdInteractiveAuthentication yes\n");
    let plan = preflight(&machine.system, &Wanted::default()).unwrap();
    let doors: Vec<_> = plan
        .doors
        .iter()
        .map(|door| {
            (
                door.account.as_deref(),
                door.configured.as_str(),
                door.effective.as_str(),
            )
        })
        .collect();
    let alone = "key alone, or password alone";
    assert_eq!(
        doors,
        [
            (None, alone, "key + code, or password + code"),
            (Some("root"), alone, "key + code"),
            (Some("git"), "key + password", "key + code"),
        ]
    );
}

#[test]
fn root_keys_may_be_elsewhere() {
    let case = |settings: &str, expected: bool| {
        let machine = bare();
        std::fs::remove_file(machine.system.root.at(KEYS)).unwrap();
        machine
            .put("/etc/keys/root", "ssh-ed25519 AAAA\n")
            .put(OTHER, settings);
        let plan = preflight(&machine.system, &Wanted::default()).unwrap();
        assert_eq!(plan.is_good(), expected, "{settings} {plan:?}");
    };
    case("", false);
    case("AuthorizedKeysFile /etc/keys/%u\n", true);
    case("AuthorizedKeysFile none\n", false);
    case(
        "AuthorizedKeysCommand /bin/true\nAuthorizedKeysCommandUser nobody\n",
        true,
    );
    case("TrustedUserCAKeys /etc/ssh/ca.pub\n", true);
}
