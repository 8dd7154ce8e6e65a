//! When the daemon cannot answer: refused, and right again afterwards.

use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use testkit::{Signal, Socket, tungstenite};

use super::door::{CODE, Door, EITHER, PASSWORD, check, passes, refused};

/// Where the stand-ins of the daemon listen.
const STAND_IN: &str = "/run/stand-in.sock";

fn asking_the_stand_in(stack: &str) -> String {
    let words = format!("pam_middleware.so socket={STAND_IN}");
    let new = stack.replace("pam_middleware.so", &words);
    assert_eq!(new.matches(STAND_IN).count(), 3, "{new}");
    new
}

#[test]
fn a_daemon_that_hangs_or_is_gone_lets_nobody_in() {
    let mut door = Door::new(EITHER);
    let [alice, bob, carol] = door.enrolled(["alice", "bob", "carol"]);
    let codes = [&alice, &bob, &carol].map(|(_, phone)| door.code(phone));
    let exempt = json!([{
        "username": "carol", "until": door.site.now() + 3600, "reason": "a job",
    }]);
    door.site.call("auth.twofactor.exemption.create", exempt);
    let check_refusals = |door: &Door, what: &str| {
        check(&[
            refused(
                what,
                door.by_password(&alice.0).code(&codes[0]),
                &[PASSWORD],
            ),
            refused(what, door.by_key(&bob.0).code(&codes[1]), &[]),
            refused(what, door.by_key(&carol.0).code(&codes[2]), &[]),
        ]);
    };
    door.site.daemon.signal(Signal::SIGSTOP);
    check_refusals(&door, "stopped by SIGSTOP");
    door.site.daemon.signal(Signal::SIGCONT);
    door.site.stop();
    check_refusals(&door, "not running");
    door.site.start();
    check(&[
        passes(
            "as before, by password",
            door.by_password(&alice.0).code(&codes[0]),
            &[PASSWORD, CODE],
        ),
        passes(
            "as before, by key",
            door.by_key(&bob.0).code(&codes[1]),
            &[CODE],
        ),
        passes("as before, exempt", door.by_key(&carol.0), &[]),
    ]);
}

#[test]
fn killed_in_mid_conversation() {
    let mut door = Door::new(EITHER);
    let [alice, bob] = door.enrolled(["alice", "bob"]);
    let (a, b) = (door.code(&alice.1), door.code(&bob.1));
    let waiting = [door.by_password(&alice.0), door.by_key(&bob.0)].map(testkit::Login::begin);
    for login in &waiting {
        login.wait_for(CODE);
    }
    door.site.daemon.kill9();
    for (login, code) in waiting.iter().zip([&a, &b]) {
        login.answer("code:", code);
    }
    for login in waiting {
        let outcome = login.end();
        assert!(!outcome.is_in, "{outcome:?}");
        assert_eq!(outcome.prompts.last().unwrap(), CODE, "{outcome:?}");
    }
    door.site.start();
    check(&[
        passes(
            "the code was not used up",
            door.by_password(&alice.0).code(&a),
            &[PASSWORD, CODE],
        ),
        passes("by key", door.by_key(&bob.0).code(&b), &[CODE]),
    ]);
}

/// How a stand-in of the daemon behaves.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// Bytes that are no WebSocket.
    Noise,
    /// A frame that is no JSON.
    NoJson,
    /// This result, whatever was asked.
    Says(&'static str),
    /// An error object.
    Error,
    /// A reply without an end.
    Endless,
    /// Hangs up when it is asked.
    HangsUp,
    /// Takes nobody in, and its backlog is full.
    Full,
}

fn stand_in(listener: UnixListener, manner: Manner) {
    if matches!(manner, Manner::Full) {
        // Held for ever: whoever connects has to wait for a place.
        thread::spawn(move || {
            loop {
                let _listener = &listener;
                thread::park();
            }
        });
        return;
    }
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || drop(serve(stream, manner)));
        }
    });
}

/// One connection, to the end that its manner brings.
fn serve(
    mut stream: std::os::unix::net::UnixStream,
    manner: Manner,
) -> Result<(), Box<dyn std::error::Error>> {
    use std::io::Write as _;
    if matches!(manner, Manner::Noise) {
        stream.write_all(b"SSH-2.0-nothing of the kind\r\n\r\n")?;
        return Ok(());
    }
    let mut socket = tungstenite::accept(stream)?;
    loop {
        let call: Value = serde_json::from_str(socket.read()?.to_text()?)?;
        let reply = |what: Value| json!({"jsonrpc": "2.0", "id": call["id"], "result": what});
        let text = match manner {
            Manner::NoJson => "{".to_owned(),
            Manner::Says(result) => reply(serde_json::from_str(result)?).to_string(),
            Manner::Error => {
                json!({"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32001, "message": "no"}})
                    .to_string()
            }
            Manner::Endless => reply(json!("x".repeat(64 << 20))).to_string(),
            Manner::HangsUp | Manner::Noise | Manner::Full => return Ok(()),
        };
        socket.send(tungstenite::Message::text(text))?;
    }
}

/// The answers that would let in come close to the right one, and are not it.
#[test]
fn garbage_lets_nobody_in() {
    let door = Door::with_files(&EITHER.text(), asking_the_stand_in);
    let [alice, bob] = door.people(["alice", "bob"]);
    for manner in [
        Manner::Noise,
        Manner::NoJson,
        Manner::Says("true"),
        Manner::Says("null"),
        Manner::Says("{}"),
        Manner::Says(r#"{"verdict": "accepted"}"#),
        Manner::Says(r#"{"verdict": ["ACCEPTED"]}"#),
        Manner::Says(r#""ACCEPTED""#),
        Manner::Error,
        Manner::Endless,
        Manner::HangsUp,
        Manner::Full,
    ] {
        let path = door.machine.path(STAND_IN);
        let _ = std::fs::remove_file(&path);
        stand_in(UnixListener::bind(&path).unwrap(), manner);
        let what = format!("{manner:?}");
        let mut cases = vec![refused(&what, door.by_key(&bob).code("123456"), &[])];
        // A password costs its own wait besides, so it is not tried with each.
        if matches!(manner, Manner::Says("true") | Manner::HangsUp) {
            let login = door.by_password(&alice).code("123456");
            cases.push(refused(&what, login, &[PASSWORD]));
        }
        check(&cases);
    }
}

/// sshd's `password` method answers every prompt that does not echo with the password.
#[test]
fn the_password_method_never_leaks_the_password_to_the_verifier() {
    let open = EITHER
        .text()
        .replace("PasswordAuthentication no", "PasswordAuthentication yes");
    let lines = open
        .lines()
        .filter(|line| !line.contains("AuthenticationMethods"));
    let open: String = lines.flat_map(|line| [line, "\n"]).collect();
    let mut door = Door::with_files(&open, asking_the_stand_in);
    let [alice, bob] = door.enrolled(["alice", "bob"]);
    let heard = record(&door);
    let only = "PreferredAuthentications=password";
    let prompt = "alice@127.0.0.1's password: ";
    check(&[
        refused(
            "the password method",
            door.by_password(&alice.0).option(only),
            &[prompt],
        ),
        passes(
            "keyboard-interactive beside it",
            door.by_password(&bob.0).code(&door.code(&bob.1)),
            &[PASSWORD, CODE],
        ),
    ]);
    let heard = heard.lock().unwrap().concat();
    assert!(heard.contains(r#""username":"alice""#), "{heard}");
    assert!(
        heard.contains(&door.code(&bob.1)),
        "the recorder hears codes"
    );
    for person in [&alice.0, &bob.0] {
        assert!(!heard.contains(&person.password), "{heard}");
    }
}

/// Passes everything on to the daemon, and keeps what was asked.
fn record(door: &Door) -> Arc<Mutex<Vec<String>>> {
    let listener = UnixListener::bind(door.machine.path(STAND_IN)).unwrap();
    let daemon = door.site.daemon.socket().to_path_buf();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ours = Arc::clone(&heard);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (daemon, heard) = (daemon.clone(), Arc::clone(&ours));
            thread::spawn(move || {
                let mut asking = tungstenite::accept(stream).unwrap();
                let mut asked = Socket::connect(&daemon);
                while let Ok(message) = asking.read() {
                    let Ok(text) = message.to_text() else { return };
                    if text.is_empty() {
                        return;
                    }
                    heard.lock().unwrap().push(text.to_owned());
                    asked.send(text);
                    let reply = tungstenite::Message::text(asked.recv_text());
                    if asking.send(reply).is_err() {
                        return;
                    }
                }
            });
        }
    });
    heard
}

/// sshd lives on, also for those who come next.
#[test]
fn a_panic_in_the_module_lets_nobody_in() {
    let mut door = Door::new(EITHER);
    let [alice, bob] = door.enrolled(["alice", "bob"]);
    let (a, b) = (door.code(&alice.1), door.code(&bob.1));
    door.machine
        .install_module(&testkit::pam_module_that_panics());
    check(&[
        // The first line of the stack is the module's already.
        refused(
            "a panic, by password",
            door.by_password(&alice.0).code(&a),
            &[],
        ),
        refused("a panic, by key", door.by_key(&bob.0).code(&b), &[]),
    ]);
    door.machine.install_module(&testkit::pam_module());
    check(&[
        passes(
            "put right, by password",
            door.by_password(&alice.0).code(&a),
            &[PASSWORD, CODE],
        ),
        passes("put right, by key", door.by_key(&bob.0).code(&b), &[CODE]),
    ]);
}

/// Root at the console has written the file, since nothing else helped.
#[test]
fn the_break_glass_file_opens_the_door_while_the_daemon_is_away() {
    let mut door = Door::new(EITHER);
    let [alice, bob] = door.enrolled(["alice", "bob"]);
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let text = format!("version 1\nboot {}\ngeneration 1\noff\n", boot.trim());
    door.machine
        .write("/run/middleware-override/override", &text);
    check(&[
        passes("the daemon obeys it", door.by_key(&alice.0), &[]),
        passes("by password", door.by_password(&bob.0), &[PASSWORD]),
    ]);
    door.site.stop();
    check(&[
        passes("by password", door.by_password(&alice.0), &[PASSWORD]),
        passes("by key", door.by_key(&bob.0), &[]),
        refused(
            "a wrong password",
            door.login(&alice.0).password("wrong"),
            &[PASSWORD],
        ),
    ]);
    assert!(door.machine.syslog().contains("break-glass"));
}

/// The promise of the product, to the end: root at the console types the line of the guide, and the door
/// opens, whatever has become of the daemon; and it closes again by one command.
#[test]
fn the_unlock_line_opens_the_door_while_the_daemon_is_away() {
    let mut door = Door::today(EITHER);
    let [alice, bob] = door.enrolled(["alice", "bob"]);
    let state = door.site.daemon.dir().join("state");
    let config = format!("state_dir = {:?}\n", state.to_str().unwrap());
    door.machine.write("/etc/middlewared/config.toml", &config);
    door.site.stop();
    check(&[refused(
        "before",
        door.by_key(&alice.0).option("BatchMode=yes"),
        &[],
    )]);
    let line = r#"{ "enabled":false }"#;
    let answer = door.midclt(&["call", "auth.twofactor.update", line]);
    assert!(
        answer.trim_end().ends_with(r#""enabled": false}"#),
        "{answer}"
    );
    check(&[
        passes("by password", door.by_password(&alice.0), &[PASSWORD]),
        passes("by key", door.by_key(&bob.0), &[]),
    ]);
    door.midclt(&["call", "auth.twofactor.update", "enabled=true"]);
    check(&[refused(
        "on again",
        door.by_key(&alice.0).option("BatchMode=yes"),
        &[],
    )]);
    let words = ["2fa", "bypass", "alice", "--reason", "no daemon"];
    let printed = door.midclt(&words);
    assert!(printed.contains("alice without a code"), "{printed}");
    check(&[
        passes("with a bypass", door.by_key(&alice.0), &[]),
        refused("without", door.by_key(&bob.0).option("BatchMode=yes"), &[]),
    ]);
}
