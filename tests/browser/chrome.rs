//! A real Chromium without a screen, used as a person does: by the words on buttons and labels.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::driver::Driver;
use crate::support::eventually;

/// Long enough for a loaded machine; whoever waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// No sandbox for root; it ends with its driver, whose pipe it hangs on; and nothing but this machine
/// is reached.
const ARGUMENTS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
    "--window-size=1100,800",
    "--lang=en",
];

/// A browser with a private directory, which ends with this value.
pub(super) struct Chrome {
    driver: Driver,
}

impl Chrome {
    pub(super) fn start() -> Self {
        let driver = Driver::start(ARGUMENTS);
        let chrome = Self { driver };
        chrome.set_size(1100, 800);
        chrome
    }

    /// The private directory.
    pub(super) fn dir(&self) -> &std::path::Path {
        self.driver.dir()
    }

    fn post(&self, path: &str, params: &Value) -> Value {
        let answer = self.driver.post(path, params);
        answer.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.driver.get(path);
        answer.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Opens an address.
    pub(super) fn open(&self, url: &str) {
        self.post("/url", &json!({"url": url}));
    }

    /// The button of the browser.
    pub(super) fn back(&self) {
        self.post("/back", &json!({}));
    }

    /// The button of the browser.
    pub(super) fn reload(&self) {
        self.post("/refresh", &json!({}));
    }

    /// One more tab, which is in front then.
    pub(super) fn new_tab(&self) {
        let tab = self.post("/window/new", &json!({"type": "tab"}));
        self.post("/window", &json!({"handle": tab["handle"]}));
    }

    /// Brings the tab of this number to the front.
    pub(super) fn tab(&self, number: usize) {
        let tabs = self.get("/window/handles");
        self.post("/window", &json!({"handle": tabs[number]}));
    }

    /// Where it is, without the address of the machine.
    pub(super) fn path(&self) -> String {
        let url = self.get("/url");
        let url = url.as_str().expect("an address");
        let path = url.splitn(4, '/').nth(3);
        format!("/{}", path.unwrap_or_default())
    }

    /// What can be read on the page, and in the dialog that is open.
    pub(super) fn text(&self) -> String {
        // A page that goes away while it is read says nothing.
        let text = self.driver.find("//body").ok().and_then(|found| {
            let text = self.driver.get(&format!("{}/text", found.first()?)).ok()?;
            text.as_str().map(str::to_owned)
        });
        text.unwrap_or_default()
    }

    /// Waits until the page says so.
    pub(super) fn wait_for(&self, words: &str) {
        eventually(words, || self.text().contains(words));
    }

    /// Waits until the page does not say so any more.
    pub(super) fn wait_while(&self, words: &str) {
        eventually(words, || !self.text().contains(words));
    }

    /// Waits until a dialog says so.
    pub(super) fn wait_for_dialog(&self, words: &str) {
        let path = format!("//dialog[@open][contains(., {words:?})]");
        eventually(words, || {
            self.driver.find(&path).is_ok_and(|found| !found.is_empty())
        });
    }

    /// Clicks a button, a link or the head of a fold by its words, in the dialog if one is open.
    pub(super) fn click(&self, words: &str) {
        let kinds = "self::button or self::a or self::summary";
        self.on(
            &format!("*[{kinds}][normalize-space()={words:?}]"),
            |element| self.driver.post(&format!("{element}/click"), &json!({})),
        );
    }

    /// Types into a field by its label, over what was there.
    pub(super) fn fill(&self, label: &str, text: &str) {
        self.on(&labelled(label), |field| {
            self.driver.post(&format!("{field}/clear"), &json!({}))?;
            let keys = json!({"text": text});
            self.driver.post(&format!("{field}/value"), &keys)
        });
    }

    /// Ticks or clears a box by its label.
    pub(super) fn tick(&self, label: &str) {
        self.on(
            &format!("label[normalize-space()={label:?}]//input"),
            |field| self.driver.post(&format!("{field}/click"), &json!({})),
        );
    }

    /// What a field holds, by its label.
    pub(super) fn value(&self, label: &str) -> String {
        let value = self.on(&labelled(label), |field| {
            self.driver.get(&format!("{field}/property/value"))
        });
        value.as_str().unwrap_or_default().to_owned()
    }

    /// The picture of the element of a class.
    pub(super) fn picture(&self, class: &str) -> Vec<u8> {
        let path = format!("*[contains(concat(' ', @class, ' '), ' {class} ')]");
        let picture = self.on(&path, |element| {
            self.driver.get(&format!("{element}/screenshot"))
        });
        decoded(&picture)
    }

    /// Does something to what an `XPath` finds, once it is there and lets that be done.
    fn on(&self, path: &str, act: impl Fn(&str) -> Result<Value, String>) -> Value {
        let try_once = || {
            let in_dialog = self.driver.find("//dialog[@open]")?;
            let place = if in_dialog.is_empty() {
                "//"
            } else {
                "//dialog[@open]//"
            };
            let found = self.driver.find(&format!("{place}{path}"))?;
            act(found.first().ok_or("there is none")?)
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            match try_once() {
                Ok(done) => return done,
                Err(error) if Instant::now() > deadline => panic!("{path}: {error}"),
                Err(_) => thread::sleep(Duration::from_millis(30)),
            }
        }
    }

    /// Presses keys one after the other, wherever the focus is.
    pub(super) fn press(&self, keys: &str) {
        let strokes = keys.chars().flat_map(|key| {
            ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()}))
        });
        let strokes: Vec<_> = strokes.collect();
        let actions = json!({"actions": [{"type": "key", "id": "keys", "actions": strokes}]});
        self.post("/actions", &actions);
    }

    /// Runs a script as the browser's tools do: the page's own rules do not bind it.
    pub(super) fn script(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// How large the window is. A phone is 360 pixels wide.
    pub(super) fn set_size(&self, width: u32, height: u32) {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.tool("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// What the reader prefers.
    pub(super) fn set_dark(&self, is_dark: bool) {
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.tool("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// As a reader who has switched scripts off.
    pub(super) fn forbid_scripts(&self) {
        self.tool(
            "Emulation.setScriptExecutionDisabled",
            &json!({"value": true}),
        );
    }

    /// The window as a picture.
    pub(super) fn screenshot(&self) -> Vec<u8> {
        decoded(&self.tool("Page.captureScreenshot", &json!({}))["data"])
    }

    /// A command of Chromium's own protocol.
    fn tool(&self, name: &str, params: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({"cmd": name, "params": params}))
    }
}

impl Drop for Chrome {
    #[expect(clippy::print_stderr, reason = "part of a failed test's report")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- what the browser showed\n{}\n---", self.text());
        }
    }
}

fn decoded(picture: &Value) -> Vec<u8> {
    let text = picture.as_str().expect("a picture");
    data_encoding::BASE64
        .decode(text.as_bytes())
        .expect("base64")
}

/// A field is found by its label, as a person finds it.
fn labelled(label: &str) -> String {
    let kinds = "self::input or self::select or self::textarea";
    format!("*[{kinds}][@id=//label[normalize-space()={label:?}]/@for]")
}
