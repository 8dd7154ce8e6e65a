//! Tests on the stack of Debian 12, as the package has it.

use super::*;

const DEBIAN: &str = include_str!("../../testdata/debian12/pam.d/sshd");

fn block() -> String {
    Stack::default().insert(DEBIAN).unwrap()
}

#[test]
fn the_blocks() {
    let golden = include_str!("../../testdata/golden/pam.d-sshd");
    assert_eq!(block(), golden);
}

#[test]
fn lifting_is_the_exact_opposite() {
    let check = |text: &str| {
        let stack = Stack::with_module("/opt/pam_middleware.so").unwrap();
        let inserted = stack.insert(text).unwrap();
        assert_ne!(inserted, text);
        assert_eq!(lift(&inserted).as_deref(), Ok(text));
        // Twice is once.
        assert_eq!(stack.insert(&inserted).as_deref(), Ok(inserted.as_str()));
        assert_eq!(state(&inserted), State::Ours(stack));
    };
    check(DEBIAN);
    check("@include common-auth\n@include common-account\n");
    check("@include common-auth\n@include common-account");
    check(
        "  @include\tcommon-auth # all\naccount required pam_nologin.so\n@include common-account\n",
    );
    assert_eq!(lift(DEBIAN).as_deref(), Ok(DEBIAN));
}

#[test]
fn what_is_not_there_is_not_guessed() {
    let check = |text: &str, expected: &str| {
        let finding = Stack::default().insert(text).unwrap_err();
        assert_eq!(finding.text, format!("{STACK}{expected}"), "{text}");
    };
    let account = "@include common-account\n";
    let no_auth = " has no line \"@include common-auth\"";
    check("", no_auth);
    check(account, no_auth);
    check(&format!("#@include common-auth\n{account}"), no_auth);
    check(&format!("auth substack password-auth\n{account}"), no_auth);
    check(
        "@include common-auth\n",
        " has no line \"@include common-account\"",
    );
    check(
        &format!("@include common-auth\n@include common-auth\n{account}"),
        " has \"@include common-auth\" 2 times",
    );
    let torn = ": BEGIN and END of our blocks do not belong together";
    check(&block().replacen(END, "", 1), torn);
    check(&block().replacen(BEGIN, "", 1), torn);
}

#[test]
fn a_block_that_was_changed() {
    let check = |from: &str, to: &str, expected: &State| {
        let text = block().replacen(from, to, 1);
        assert_eq!(state(&text), *expected, "{from} {to}");
    };
    let ours = State::Ours(Stack::default());
    check("pam_nologin", "pam_access", &ours);
    check("[success=ok default=die]", "sufficient", &State::Changed);
    check(
        "auth [success=ok default=die] pam_middleware.so\n",
        "",
        &State::Changed,
    );
    check("@include common-auth\n", "", &State::Changed);
    check("account required pam_middleware.so", "", &State::Changed);
    check(
        "default=die] pam_middleware.so key",
        "default=die] /a/pam_middleware.so key",
        &State::Changed,
    );
    assert_eq!(state(DEBIAN), State::Missing);
    assert_eq!(state("auth required pam_middleware.so\n"), State::Changed);
    assert_eq!(state("# auth required pam_middleware.so\n"), State::Missing);
}

/// What somebody put into our block stays when it is lifted.
#[test]
fn lines_of_others_stay() {
    let mine = "auth required pam_faillock.so preauth\n";
    let text = block().replacen(
        "@include common-auth\n",
        &format!("{mine}@include common-auth\n"),
        1,
    );
    let lifted = lift(&text).unwrap();
    assert!(lifted.contains(mine) && !lifted.contains(FILE), "{lifted}");
}

#[test]
fn paths_of_the_module() {
    let check = |path: &str, expected: bool| {
        assert_eq!(Stack::with_module(path).is_some(), expected, "{path}");
    };
    check("/opt/x/pam_middleware.so", true);
    check("pam_middleware.so", false);
    check("/opt/pam_permit.so", false);
    check("/opt/a b/pam_middleware.so", false);
    check("/opt/a\nauth/pam_middleware.so", false);
    check("/opt/#/pam_middleware.so", false);
    let root = Root::new("/r");
    let places = Stack::default().places(&root);
    assert!(places.contains(&"/r/usr/lib/security/pam_middleware.so".into()));
}

/// `sufficient` before ours lets a wrong code in, or no code.
#[test]
fn sufficient_is_flagged() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::new(dir.path());
    let check = |common: &str, stack: &str, expected: &[&str]| {
        crate::write(&root.at("/etc/pam.d/common-auth"), common).unwrap();
        let found = flow_findings(&root, stack).unwrap();
        let found: Vec<_> = found.iter().map(|finding| finding.text.as_str()).collect();
        assert_eq!(found, expected, "{common}");
    };
    let debian = include_str!("../../testdata/debian12/pam.d/common-auth");
    let block = &block();
    check(debian, block, &[]);
    check("", block, &[]);
    check(
        "# one\nauth sufficient pam_unix.so\nauth required pam_deny.so\n",
        block,
        &["/etc/pam.d/common-auth:2: \"sufficient\" of pam_unix.so may skip the code"],
    );
    check(
        "auth [success=2 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n",
        block,
        &[
            "/etc/pam.d/common-auth:1: \"[success=2 default=ignore]\" of pam_unix.so may skip the code",
        ],
    );
    check(
        "auth [default=done] pam_x.so\nauth include sub\n",
        block,
        &["/etc/pam.d/common-auth:1: \"[default=done]\" of pam_x.so may skip the code"],
    );
    let first = format!("auth sufficient pam_x.so\naccount sufficient pam_y.so\n{block}");
    check(
        debian,
        &first,
        &[
            "/etc/pam.d/sshd:1: \"sufficient\" of pam_x.so may skip the code",
            "/etc/pam.d/sshd:2: \"sufficient\" of pam_y.so may skip the code",
        ],
    );
    let last = format!("{block}auth sufficient pam_x.so\n");
    check(debian, &last, &[]);
    let oath = "auth required pam_oath.so usersfile=/etc/users.oath\n";
    check(
        oath,
        block,
        &["/etc/pam.d/common-auth:1: pam_oath.so asks for a second factor of its own too"],
    );
    // A loop has an end.
    check("@include common-auth\n", block, &[]);
    // As libpam reads them: lines that go on, and words in any case.
    for text in [
        "auth \\\n  sufficient pam_permit.so\n",
        "AUTH Sufficient pam_permit.so\n",
        "-Auth [success = done] pam_permit.so\n",
    ] {
        let found = flow_findings(&root, &format!("{text}{block}")).unwrap();
        assert_eq!(found.len(), 1, "{text} {found:?}");
    }
    // What a substack decides, it decides for itself.
    crate::write(
        &root.at("/etc/pam.d/sub"),
        "auth sufficient pam_permit.so\n",
    )
    .unwrap();
    check(debian, &format!("auth substack sub\n{block}"), &[]);
    check(
        debian,
        &format!("auth Include sub\n{block}"),
        &["/etc/pam.d/sub:1: \"sufficient\" of pam_permit.so may skip the code"],
    );
}

/// `auth required pam_unix.so`: a wrong password goes on to our line, which takes it for right.
#[test]
fn a_wrong_password_that_goes_on_is_flagged() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::new(dir.path());
    let sub = "auth requisite pam_unix.so\n";
    crate::write(&root.at("/etc/pam.d/sub"), sub).unwrap();
    let check = |common: &str, expected: Option<&str>| {
        crate::write(&root.at("/etc/pam.d/common-auth"), common).unwrap();
        let found = flow_findings(&root, &block()).unwrap();
        let found: Vec<_> = found.iter().map(|finding| finding.text.as_str()).collect();
        let text = expected.map(|line| {
            format!("/etc/pam.d/{line} goes on to the code where the password is wrong")
        });
        assert_eq!(found, Vec::from_iter(text), "{common}");
    };
    check(
        include_str!("../../testdata/debian12/pam.d/common-auth"),
        None,
    );
    check("auth requisite pam_unix.so\n", None);
    check("auth [success=ok default=die] pam_unix.so\n", None);
    check(
        "auth required pam_unix.so\n",
        Some("common-auth:1: \"required\" of pam_unix.so"),
    );
    check(
        "auth optional pam_unix.so\nauth required pam_permit.so\n",
        Some("common-auth:1: \"optional\" of pam_unix.so"),
    );
    check(
        "auth [success=1 default=ignore] pam_unix.so\nauth required pam_deny.so\nauth required pam_permit.so\n",
        Some("common-auth:1: \"[success=1 default=ignore]\" of pam_unix.so"),
    );
    // With sssd, as pam-auth-update writes it, and as CIS wants pam_faillock.
    let sssd = "auth [success=2 default=ignore] pam_unix.so\nauth [success=1 default=ignore] pam_sss.so use_first_pass\nauth requisite pam_deny.so\nauth required pam_permit.so\nauth optional pam_cap.so\n";
    check(sssd, None);
    check(
        &sssd.replace("requisite", "required"),
        Some("common-auth:2: \"[success=1 default=ignore]\" of pam_sss.so"),
    );
    check(
        "auth required pam_faillock.so preauth\nauth [success=2 default=ignore] pam_unix.so\nauth [default=die] pam_faillock.so authfail\nauth requisite pam_deny.so\nauth required pam_permit.so\n",
        None,
    );
    // A "die" in a substack ends that alone.
    check("@include sub\n", None);
    check(
        "auth substack sub\n",
        Some("sub:1: \"requisite\" of pam_unix.so"),
    );
    check("auth substack sub\nauth requisite pam_deny.so\n", None);
}
