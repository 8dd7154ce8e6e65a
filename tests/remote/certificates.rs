//! Whom it believes, and what it says where it does not, or where nobody is there.

use std::net::TcpListener;
use std::process::Command;

use testkit::{binaries, run_with_deadline};

use super::{LIMIT, Site, assert_told, stdout};
use crate::support::stderr;
use crate::web::keeper::WORD;

/// Before anything is asked of whoever types: no password reaches a machine that is not believed.
#[test]
fn a_certificate_that_nobody_has_signed_is_refused_with_its_fingerprint() {
    let site = Site::new();
    let mut command = site.untrusting();
    command.args(["-U", "root", "-P", WORD, "call", "auth.me"]);
    let output = run_with_deadline(&mut command, LIMIT);
    let port = site.web.address().port();
    assert_told(
        &output,
        &format!(
            "midclt: the certificate of localhost:{port} is not trusted: nobody that is trusted here \
             has signed it"
        ),
    );
    let said = stderr(&output);
    assert!(
        said.contains("--ca FILE") && said.contains("--insecure"),
        "{said}"
    );
    let mut openssl = Command::new("openssl");
    openssl.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]);
    let output = run_with_deadline(openssl.arg(site.web.certificate()), LIMIT);
    let print = stdout(&output).trim().rsplit('=').next().unwrap();
    assert!(print.len() == 95 && said.contains(print), "{print}: {said}");
    assert!(site.keeper.asked().is_empty());
}

#[test]
fn whoever_insists_gets_through() {
    let site = Site::new();
    let mut command = site.untrusting();
    command.args(["--insecure", "-U", "root", "-P", WORD, "call", "auth.me"]);
    let output = run_with_deadline(&mut command, LIMIT);
    assert!(
        stdout(&output).contains("\"pw_name\": \"root\""),
        "{output:?}"
    );
}

#[test]
fn where_nobody_listens_that_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let mut command = Command::new(binaries::midclt());
    command.args(["-u", &format!("wss://127.0.0.1:{port}"), "ping"]);
    let output = run_with_deadline(&mut command, LIMIT);
    let shown = format!("127.0.0.1:{port}");
    assert_told(
        &output,
        &format!("midclt: nobody listens on {shown}. On that machine: midclt 2fa web"),
    );
}

#[test]
fn a_file_of_certificates_that_is_none_is_named() {
    let site = Site::new();
    for (file, why) in [
        ("/nonexistent.pem", "midclt: cannot read /nonexistent.pem: "),
        ("/dev/null", "midclt: /dev/null has no certificate in PEM"),
    ] {
        let mut command = site.untrusting();
        let output = run_with_deadline(command.args(["--ca", file, "ping"]), LIMIT);
        assert!(stderr(&output).starts_with(why), "{output:?}");
    }
}

#[test]
fn whoever_speaks_no_tls_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
            let _ = std::io::Write::write_all(&mut stream.unwrap(), answer);
        }
    });
    let mut command = Command::new(binaries::midclt());
    command.args(["-u", &format!("wss://localhost:{port}"), "ping"]);
    let output = run_with_deadline(&mut command, LIMIT);
    assert_told(
        &output,
        &format!("midclt: localhost:{port} speaks no TLS: is it the port of middlewared-web?"),
    );
}

#[test]
fn whoever_says_nothing_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let uri = format!("wss://127.0.0.1:{port}");
    let mut command = Command::new(binaries::midclt());
    command.args(["-u", &uri, "-t", "1", "call", "core.ping"]);
    let output = run_with_deadline(&mut command, LIMIT);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        stderr(&output).contains("did not answer within 1 s"),
        "{output:?}"
    );
    drop(listener);
}
