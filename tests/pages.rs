//! The web service from outside: what a browser gets, what a stranger does not, and the way to the daemon.

mod accounts;
mod coming_back;
mod crowd;
mod devices;
mod enabling;
mod health;
mod limits;
mod log;
mod passing;
mod renewing;
mod signing_in;
mod ssh;
mod two_factor;

use serde_json::{Value, json};
use testkit::{Answer, Browser, Builder, Daemon, Web, now};

use crate::support::code_at;
use crate::web::keeper::{Keeper, WORD};

/// A daemon, somebody who knows passwords, and the web service before them.
pub(crate) struct Site {
    pub(crate) web: Web,
    pub(crate) daemon: Daemon,
    pub(crate) keeper: Keeper,
}

impl Site {
    /// Members of nobody's group are administrators: root alone is.
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// The same with a configuration of the web service.
    fn with(config: &str) -> Self {
        Self::built(Daemon::builder(), config, "no-such-group")
    }

    /// Members of this group are administrators.
    fn with_administrators(group: &str) -> Self {
        Self::built(Daemon::builder(), "", group)
    }

    /// On a machine with these accounts beside root.
    pub(crate) fn with_accounts(accounts: &[(&str, u32)]) -> Self {
        let builder = Daemon::builder().accounts(accounts);
        Self::built(builder, "", "no-such-group")
    }

    fn built(builder: Builder, config: &str, administrators: &str) -> Self {
        let run = builder.dir().join("run");
        let keeper = Keeper::listen(&run.join("password.sock"));
        let text = format!(
            "[web]\nsocket = \"{}\"\npassword = \"{}\"\nadministrators = \"{administrators}\"\n",
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
    pub(crate) fn enable(&self) -> String {
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

/// The settings, as root sees them.
fn config(site: &Site) -> Value {
    site.daemon
        .connect()
        .call("auth.twofactor.config", json!([]))
}

/// The devices of an account.
fn devices(site: &Site, name: &str) -> Vec<Value> {
    let mut root = site.daemon.connect();
    let found = root.call("auth.twofactor.device.query", json!([{ "username": name }]));
    found.as_array().unwrap().clone()
}

/// The value of an input.
fn value(page: &Answer, id: &str) -> String {
    let start = format!("<input id=\"{id}\"");
    let input = page.body.split(&start).nth(1);
    let input = input.unwrap_or_else(|| panic!("no {id}: {page:?}"));
    let value = input.split("value=\"").nth(1).unwrap();
    value.split('"').next().unwrap().to_owned()
}

/// The value of a hidden field in a form.
fn hidden(page: &Answer, form: &str, name: &str) -> String {
    let form = page.body.split(&format!("id=\"{form}\"")).nth(1);
    let form = form.unwrap_or_else(|| panic!("no such form: {page:?}"));
    let value = form.split(&format!("name=\"{name}\" value=\"")).nth(1);
    value.unwrap().split('"').next().unwrap().to_owned()
}

/// The secret that a page shows, as an app would take it.
fn secret_of(page: &Answer) -> String {
    value(page, "secret").replace(' ', "")
}
