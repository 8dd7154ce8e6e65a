//! Over the network: the original's client, whose sequence is imitated by the library that it uses.

use std::time::Duration;

use testkit::run_with_input;

use crate::pages::Site;
use crate::python::program;
use crate::web::keeper::WORD;

#[test]
fn stock_clients_sign_in_with_a_code() {
    let site = Site::new();
    let secret = site.enable();
    let uri = format!("wss://localhost:{}/api/current", site.web.address().port());
    let mut shell = std::process::Command::new("sh");
    let python = program("remote_login.py");
    // What is secret goes by a pipe, as it should.
    shell.args([
        "-c",
        "printf '%s\\n' \"$PASSWORD\" \"$SECRET\" | \"$@\"",
        "sh",
    ]);
    shell.arg(python.get_program()).args(python.get_args());
    shell.arg(&uri);
    shell.env("PASSWORD", WORD).env("SECRET", &secret);
    shell.env("HOME", site.daemon.dir());
    let output = run_with_input(&mut shell, Duration::from_mins(1));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"done\n", "{output:?}");
}
