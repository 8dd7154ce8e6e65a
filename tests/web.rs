//! The web's socket: strangers, people who sign in, and what either may do.

mod entrance;
pub(crate) mod keeper;
#[cfg(feature = "system")]
mod passwords;
mod signing;

use serde_json::{Value, json};
use testkit::{Builder, Daemon, Socket, now};

use crate::support::code_at;
use keeper::Keeper;

/// An address of the documentation's, as the web service tells it.
const HERE: &str = "192.0.2.1";

/// A daemon with a web's socket, and somebody who knows passwords.
struct Web {
    daemon: Daemon,
    keeper: Keeper,
}

impl Web {
    /// Members of nobody's group are administrators: root alone is.
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    fn with(special: impl FnOnce(Builder) -> Builder) -> Self {
        let builder = Daemon::builder();
        let keeper = Keeper::listen(&builder.dir().join("run/password.sock"));
        let config = format!(
            "[web]\nsocket = \"{}\"\npassword = \"{}\"\nadministrators = \"no-such-group\"\n",
            builder.dir().join("run/web.sock").display(),
            builder.dir().join("run/password.sock").display(),
        );
        let daemon = special(builder.config(&config)).start();
        Self { daemon, keeper }
    }

    /// A connection of somebody at an address.
    fn connect(&self, address: &str) -> Socket {
        Socket::on_web(&self.daemon.dir().join("run/web.sock"), address)
    }

    /// Turns it on for root, who has a device then. Its secret.
    fn enable(&self) -> String {
        let mut root = self.daemon.connect();
        let changes = json!([{"enabled": true, "window": 10}]);
        let config = root.call("auth.twofactor.update", changes);
        config["secret"].as_str().unwrap().to_owned()
    }
}

/// A password as the stock clients send it.
fn begin(socket: &mut Socket, name: &str, password: &str) -> Value {
    let login = json!([{
        "mechanism": "PASSWORD_PLAIN", "username": name, "password": password,
    }]);
    socket.call("auth.login_ex", login)
}

/// A code the same way.
fn go_on(socket: &mut Socket, code: &str) -> Value {
    let login = json!([{ "mechanism": "OTP_TOKEN", "otp_token": code }]);
    socket.call("auth.login_ex_continue", login)
}

/// Root, signed in with a code of this step from now.
fn sign_in(web: &Web, secret: &str, step: u64) -> Socket {
    let mut socket = web.connect(HERE);
    assert_eq!(
        begin(&mut socket, "root", keeper::WORD)["response_type"],
        "OTP_REQUIRED"
    );
    let answer = go_on(&mut socket, &code_at(secret, now() + 30 * step));
    assert_eq!(answer["response_type"], "SUCCESS", "{answer}");
    socket
}
