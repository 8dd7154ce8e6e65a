//! The web service from outside: what a browser gets, what a stranger does not, and the way to the daemon.

mod limits;
mod passing;
mod signing_in;
mod two_factor;

use serde_json::json;
use testkit::{Answer, Browser, Daemon, Web, now};

use crate::support::code_at;
use crate::web::keeper::{Keeper, WORD};

/// A daemon, somebody who knows passwords, and the web service before them.
struct Site {
    web: Web,
    daemon: Daemon,
    keeper: Keeper,
}

impl Site {
    /// Members of nobody's group are administrators: root alone is.
    fn new() -> Self {
        Self::with("")
    }

    /// The same with a configuration of the web service.
    fn with(config: &str) -> Self {
        let builder = Daemon::builder();
        let run = builder.dir().join("run");
        let keeper = Keeper::listen(&run.join("password.sock"));
        let text = format!(
            "[web]\nsocket = \"{}\"\npassword = \"{}\"\nadministrators = \"no-such-group\"\n",
            run.join("web.sock").display(),
            run.join("password.sock").display(),
        );
        let daemon = builder.config(&text).start();
        let web = Web::start(daemon.dir(), &run.join("web.sock"), config);
        Self {
            web,
            daemon,
            keeper,
        }
    }

    /// Turns it on for root, who has a device then. Its secret.
    fn enable(&self) -> String {
        let mut root = self.daemon.connect();
        let changes = json!([{"enabled": true, "window": 10}]);
        let config = root.call("auth.twofactor.update", changes);
        config["secret"].as_str().unwrap().to_owned()
    }

    /// A browser in which root has signed in, with the code of this step from now where there is a secret.
    fn root(&self, code: Option<(&str, u64)>) -> Browser<'_> {
        let mut browser = self.web.browser();
        let page = first_step(&mut browser, "root", WORD);
        let page = match code {
            None => page,
            Some((secret, step)) => {
                assert!(page.says("one-time-code"), "{page:?}");
                let code = code_at(secret, now() + 30 * step);
                browser.post("/sign-in/code", &[("code", &code)])
            }
        };
        assert!(page.says("<h1>Two-Factor Authentication</h1>"), "{page:?}");
        browser
    }
}

/// Name and password.
fn first_step(browser: &mut Browser<'_>, name: &str, password: &str) -> Answer {
    browser.get("/sign-in");
    browser.post("/sign-in", &[("username", name), ("password", password)])
}
