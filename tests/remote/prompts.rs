//! At a terminal: what is asked is not shown.

use serde_json::json;
use testkit::{binaries, now};

use super::Site;
use crate::support::code_at;
use crate::terminal::{Terminal, Tmux};
use crate::web::keeper::WORD;

const TERMINAL: Terminal = Terminal {
    columns: 80,
    rows: 24,
    locale: "C.UTF-8",
    term: "xterm",
};

const CODE: &str = "Verification code (it is not shown):";

fn terminal(site: &Site) -> Tmux {
    let tmux = Tmux::start(TERMINAL, site.daemon.dir());
    tmux.enter(&format!(
        "export PATH={}:$PATH; m() {{ midclt -u {} --ca {} -U root \"$@\"; }}; clear",
        binaries::directory().display(),
        site.uri(),
        site.web.certificate().display(),
    ));
    tmux.when(|text| text == Tmux::PROMPT);
    tmux
}

#[test]
fn password_and_codes_are_asked_for() {
    let site = Site::new();
    let secret = site.enable();
    let tmux = terminal(&site);
    tmux.enter("clear; m call auth.twofactor.provisioning_uri");
    tmux.when(|text| text.ends_with("Password of root:"));
    tmux.enter(WORD);
    tmux.when(|text| text.ends_with(CODE));
    let first = code_at(&secret, now());
    tmux.enter(&first);
    // It shows a secret, so it wants a code of its own.
    let asked = tmux.when(|text| text.ends_with("A new code for this call (it is not shown):"));
    let text = asked.text();
    assert!(!text.contains(WORD) && !text.contains(&first), "{text}");
    let second = code_at(&secret, now() + 30);
    tmux.enter(&second);
    let done = tmux.when(|text| text.contains("otpauth://") && text.ends_with(Tmux::PROMPT));
    assert!(!done.text().contains(&second), "{}", done.text());
}

#[test]
fn a_mistyped_password_and_a_mistyped_code_end_it() {
    let site = Site::new();
    let secret = site.enable();
    let tmux = terminal(&site);
    tmux.enter("clear; m call auth.me; echo $?");
    tmux.when(|text| text.ends_with("Password of root:"));
    tmux.enter("mistyped");
    let said = tmux.when(|text| text.ends_with(&format!("\n1\n{}", Tmux::PROMPT)));
    assert!(
        said.text()
            .contains("Failed to login:  Invalid username or password"),
        "{}",
        said.text()
    );
    tmux.enter("clear; m call auth.me; echo $?");
    tmux.when(|text| text.ends_with("Password of root:"));
    tmux.enter(WORD);
    tmux.when(|text| text.ends_with(CODE));
    tmux.enter("000000");
    tmux.when(|text| text.contains("The code is wrong") && text.ends_with(Tmux::PROMPT));
    // A code for the call itself that is wrong leaves everything as it was.
    tmux.enter("clear; m --otp 1 call auth.twofactor.update enabled=false; echo $?");
    tmux.when(|text| text.ends_with("Password of root:"));
    tmux.press("C-c");
    tmux.when(|text| text.ends_with(&format!("\n130\n{}", Tmux::PROMPT)));
    let code = code_at(&secret, now());
    tmux.enter(&format!(
        "clear; m --otp {code} call auth.twofactor.update enabled=false; echo $?"
    ));
    tmux.when(|text| text.ends_with("Password of root:"));
    tmux.enter(WORD);
    tmux.when(|text| text.ends_with("A new code for this call (it is not shown):"));
    tmux.enter("000000");
    tmux.when(|text| text.contains("this code is wrong") && text.ends_with(Tmux::PROMPT));
    let mut root = site.daemon.connect();
    assert_eq!(root.call("auth.two_factor_auth", json!([])), true);
}
