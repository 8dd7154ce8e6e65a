//! The daemon goes, hangs, or the module itself breaks, in the middle of it all.

use testkit::Signal;

use super::host::{Host, PASSWORD, WORD};
use super::{AUTHINFO_UNAVAIL, CODE, SUCCESS};

#[test]
fn a_daemon_that_goes_while_somebody_types_refuses() {
    for signal in [Signal::SIGKILL, Signal::SIGSTOP] {
        let mut host = Host::new(&["alice"]);
        let phone = host.site.enrol("alice");
        let code = host.code(&phone);
        let daemon = &host.site.daemon;
        let applied = host.login("alice").step("authenticate").converse(|so_far| {
            let prompt = so_far.prompts().pop().unwrap();
            if prompt == PASSWORD {
                return Some(WORD.to_owned());
            }
            daemon.signal(signal);
            Some(code.clone())
        });
        assert_eq!(applied.code(), AUTHINFO_UNAVAIL, "{signal}: {applied:?}");
        assert_eq!(applied.prompts(), [PASSWORD, CODE], "{signal}");
        // It was refused while the daemon still hung: the module has not waited for it.
        if signal == Signal::SIGSTOP {
            daemon.signal(Signal::SIGCONT);
        }
    }
}

/// Nothing is kept open while somebody types: an update in the meantime keeps nobody out.
#[test]
fn a_daemon_that_is_started_again_while_somebody_types_goes_on() {
    let mut host = Host::new(&["alice"]);
    let phone = host.site.enrol("alice");
    let code = host.code(&phone);
    let login = host.login("alice").step("authenticate");
    let applied = login.converse(|so_far| {
        let prompt = so_far.prompts().pop().unwrap();
        if prompt == CODE {
            host.site.restart();
            return Some(code.clone());
        }
        Some(WORD.to_owned())
    });
    assert_eq!(applied.code(), SUCCESS, "{applied:?}");
}

/// The release has no way to make it panic: this is one that was built to.
#[test]
fn a_panic_in_the_module_refuses_and_the_program_lives_on() {
    let host = Host::new(&["alice"]);
    let module = host.machine.dir().join("pam_middleware.so");
    std::fs::copy(testkit::pam_module_that_panics(), module).unwrap();
    let applied = host.with_key("alice").step("authenticate").answer(&[]);
    assert_eq!(applied.code(), AUTHINFO_UNAVAIL);
    let applied = host.login("alice").step("authenticate").answer(&[WORD]);
    assert_ne!(applied.code(), SUCCESS, "{applied:?}");
}
