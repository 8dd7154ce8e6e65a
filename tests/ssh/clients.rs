//! Clients that others wrote: paramiko and asyncssh, which scripts use, and OpenSSH's sftp and scp.

use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::{Value, json};
use testkit::Machine;

use crate::python::{output_of, program};
use crate::site::{DAY, wrong_code};

use super::door::{CODE, Door, EITHER, PASSWORD};

/// One login of a Python program on the machine.
fn login(machine: &Machine, library: &str, account: &str, given: &Value) -> Value {
    let python = program("ssh_login.py");
    let mut inside: Command = machine.enter();
    inside.arg(python.get_program()).args(python.get_args());
    inside.args([library, account, &given.to_string()]);
    serde_json::from_str(&output_of(&mut inside)).unwrap()
}

fn given(key: Option<&Path>, password: &str, code: &str) -> Value {
    json!({"key": key, "answers": {PASSWORD: password, CODE: code}})
}

#[test]
fn paramiko_and_asyncssh_come_in_as_people_do() {
    let mut door = Door::new(EITHER);
    let [alice, bob, carol, dave] = door.enrolled(["alice", "bob", "carol", "dave"]);
    let [job] = door.people(["job"]);
    let until = door.site.now() + DAY;
    let exemption = json!([{"username": "job", "until": until, "reason": "a script"}]);
    door.site.call("auth.twofactor.exemption.create", exemption);
    for library in ["paramiko", "asyncssh"] {
        let code = |(_, phone): &(_, _)| door.code(phone);
        let wrong = wrong_code(&[&carol.1, &dave.1], 6, door.site.now());
        let cases = [
            (
                "password + code",
                &alice.0,
                given(None, &alice.0.password, &code(&alice)),
                true,
            ),
            (
                "key + code",
                &bob.0,
                given(Some(&bob.0.key), "", &code(&bob)),
                true,
            ),
            (
                "key + wrong code",
                &carol.0,
                given(Some(&carol.0.key), "", &wrong),
                false,
            ),
            (
                "password + no code",
                &dave.0,
                given(None, &dave.0.password, ""),
                false,
            ),
            (
                "a wrong password",
                &dave.0,
                given(None, "wrong", &code(&dave)),
                false,
            ),
            ("exempt key", &job, given(Some(&job.key), "", ""), true),
        ];
        thread::scope(|scope| {
            let machine = &door.machine;
            for (what, person, given, is_in) in &cases {
                scope.spawn(move || {
                    let answer = login(machine, library, &person.name, given);
                    assert_eq!(answer["in"], *is_in, "{library}, {what}: {answer}");
                });
            }
        });
        door.site.pass(30);
    }
}
