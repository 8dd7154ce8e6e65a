//! Every method in-process, on a real store, through the table and as JSON.
#![expect(
    clippy::needless_pass_by_value,
    reason = "json!(…) reads best as an argument"
)]
// Long on purpose: one case list for each row of the contract, side by side.

mod accounts;
mod audit;
mod confirm;
mod devices;
mod doors;
mod entrances;
mod first_device;
mod import;
mod look_ups;
mod moving;
mod permits;
mod policy;
mod recovery;
mod secrets;
mod ssh;
mod status;
mod times;
mod trial;
mod unlock;

use std::sync::Arc;

use serde_json::{Value, json};
use store::{Peer, Ran, Reader, Reserve, Store, Writer};
use tempfile::TempDir;
use twofactor::{AccountKey, AccountName, Boot, BootId, Budget, Clocks, Limits, Source, UnixTime};

use super::*;

const PEER: Peer = Peer {
    uid: 0,
    pid: 1,
    login_uid: None,
};

/// An API on a private store, without sockets.
struct Machine {
    reader: Reader,
    writer: Writer,
    session: Session,
    identity: Arc<Identity>,
    now: u64,
    events: Vec<Event>,
    alerts: Vec<Alert>,
    synchronised: bool,
    /// Which boot of the machine it is.
    boot: u8,
    /// How long it runs, where that is not its time of day.
    up: Option<u64>,
    /// When it asked to be woken.
    wake_in: Option<u64>,
    /// Who calls.
    access: Access,
    dir: TempDir,
}

impl Machine {
    fn new() -> Self {
        Self::on(TempDir::new().unwrap())
    }

    fn on(dir: TempDir) -> Self {
        let store = Store::open(&dir.path().join("state"), None).unwrap();
        let identity = Identity {
            issuer: "middlewared".to_owned(),
            product: "Linux".to_owned(),
        };
        Self {
            reader: store.reader().unwrap(),
            writer: store.into_writer().unwrap(),
            session: Session::with_events(),
            identity: Arc::new(identity),
            now: 1_700_000_000,
            events: Vec::new(),
            alerts: Vec::new(),
            synchronised: true,
            boot: 7,
            up: None,
            wake_in: None,
            access: Access::root(),
            dir,
        }
    }

    fn restarted(self) -> Self {
        let Self {
            dir,
            reader,
            writer,
            ..
        } = self;
        drop((reader, writer));
        Self::on(dir)
    }

    /// The result as JSON, or the error object.
    fn call(&mut self, name: &str, params: Value) -> Result<Value, Value> {
        let params = match params {
            Value::Array(values) => RawParams::Positional(values),
            Value::Object(named) => RawParams::Named(named),
            other => panic!("not params: {other}"),
        };
        let answer = self.run(find(name).unwrap(), params);
        let json = |text: &str| serde_json::from_str(text).unwrap();
        match answer {
            Ok(result) => Ok(json(result.get())),
            Err(error) => Err(json(&serde_json::to_string(&error.to_object()).unwrap())),
        }
    }

    fn run(&mut self, method: &Method, params: RawParams) -> Answer {
        self.access = self.session.access(method.name, self.clocks().boot.secs);
        match method.prepare(&self.access, params)? {
            Prepared::Session(run) => run(&mut self.session, &self.access),
            Prepared::Read(run) => self.read(run),
            Prepared::Write(call) => self.write(call),
            Prepared::Slow(call) => {
                let started = self.read(|read| call.start(read))?;
                self.work(started)
            }
            Prepared::OfSession(take) => {
                let call = take(&mut self.session)?;
                let started = self.read(|read| call.start(read))?;
                self.work(started)
            }
        }
    }

    fn work(&mut self, mut started: Started) -> Answer {
        loop {
            started = match started {
                Started::Answered(result) => return Ok(result),
                Started::Ready(call) => return self.write(call),
                Started::Work(work) => work.run()?,
            };
        }
    }

    fn clocks(&self) -> Clocks {
        Clocks {
            wall: UnixTime::from_secs(self.now),
            boot: Boot {
                id: BootId([self.boot; 16]),
                secs: self.up.unwrap_or(self.now),
            },
            synchronised: self.synchronised,
        }
    }

    fn read<T>(
        &mut self,
        run: impl FnOnce(&Reading<'_>) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let clocks = self.clocks();
        self.reader.read(&clocks, |tx| {
            run(&Reading {
                tx,
                identity: &self.identity,
                clocks,
                access: &self.access,
            })
        })
    }

    fn write(&mut self, call: WriteCall) -> Answer {
        let caller = Caller {
            peer: PEER,
            identity: Arc::clone(&self.identity),
            access: self.access.clone(),
        };
        let run = |call: &WriteCall, tx: &mut store::WriteTx<'_>| call.run(tx, &caller);
        let mut ran = self
            .writer
            .batch(&self.clocks(), Reserve::Keep, &[call], run)?;
        let Some(Ran::Returned(done)) = ran.pop() else {
            panic!("it panicked")
        };
        let done = done?;
        self.events.extend(done.events);
        self.alerts.extend(done.alerts);
        if let Some(change) = done.session {
            caller.access.apply(change, self.clocks().boot.secs);
        }
        self.wake_in = done.wake_in.map(|left| left.as_secs()).or(self.wake_in);
        if let Some(more) = done.aftermath.and_then(Aftermath::run) {
            self.write(more)?;
        }
        done.result
    }

    fn ok(&mut self, name: &str, params: Value) -> Value {
        self.call(name, params).unwrap()
    }

    fn update(&mut self, changes: Value) -> Value {
        self.ok("auth.twofactor.update", json!([changes]))
    }

    fn config(&mut self) -> Value {
        self.ok("auth.twofactor.config", json!([]))
    }

    fn verify(&mut self, token: Value) -> bool {
        self.ok("auth.twofactor.verify", json!([token]))
            .as_bool()
            .unwrap()
    }

    /// What root's phone shows now.
    fn code(&mut self) -> String {
        let config = self.config();
        let secret = twofactor::Secret::from_base32(config["secret"].as_str().unwrap()).unwrap();
        let digits = config["otp_digits"].as_u64().unwrap();
        let totp = totp_rs::Builder::new()
            .with_secret(secret.bytes())
            .with_digits(u8::try_from(digits).unwrap())
            .with_step_duration(config["interval"].as_u64().unwrap())
            .build_noncompliant();
        totp.generate(self.now).to_string()
    }

    /// Runs on the state as a method would, and keeps what it wrote.
    fn state<T>(&mut self, run: impl Fn(&mut store::WriteTx<'_>) -> T) -> T {
        let run = |(): &(), tx: &mut store::WriteTx<'_>| Ok::<_, CallError>(run(tx));
        let clocks = self.clocks();
        let ran = self.writer.batch(&clocks, Reserve::Keep, &[()], run);
        match ran.unwrap().pop() {
            Some(Ran::Returned(Ok(value))) => value,
            _ => panic!("it panicked"),
        }
    }

    /// A wrong code from an address, as every door counts it.
    fn wrong(&mut self, source: &str, username: &str) {
        let name = AccountName::new(username).unwrap();
        self.state(|tx| {
            let account = match tx.account_named(&name).unwrap() {
                Some(record) => AccountKey::Known(record.account.uid),
                None => tx.unknown_name(username).unwrap(),
            };
            let attempt = store::Attempt {
                account,
                source: Source::parse(source),
                budget: Budget::Codes,
            };
            let old = tx.tally(&attempt, tx.now(), &Limits::DEFAULT).unwrap();
            let mut new = old;
            new.failed(tx.now(), &Limits::DEFAULT);
            tx.put_tally(&attempt, &old, &new).unwrap();
        });
    }

    /// The events of a collection since the last look at any, as JSON.
    fn events(&mut self, collection: &str) -> Vec<Value> {
        let events = std::mem::take(&mut self.events);
        let of_it = events
            .iter()
            .filter(|event| event.collection() == collection);
        of_it
            .map(|event| serde_json::to_value(event).unwrap())
            .collect()
    }

    /// The kinds of alerts since the last look.
    fn alerts(&mut self) -> Vec<AlertKind> {
        let alerts = std::mem::take(&mut self.alerts);
        alerts.iter().map(|alert| alert.kind).collect()
    }

    /// The newest entry of the audit, shortly.
    fn audited(&mut self) -> (String, String, Option<String>) {
        let entry = self.ok("auth.twofactor.audit", json!([{ "limit": 1 }]))[0].clone();
        let text = |key: &str| entry[key].as_str().map(str::to_owned);
        (
            text("method").unwrap(),
            text("outcome").unwrap(),
            text("username"),
        )
    }

    fn refusal(&mut self, name: &str, params: Value) -> String {
        let error = self.call(name, params).unwrap_err();
        error["data"]["reason"].as_str().unwrap().to_owned()
    }
}

/// The lines that a caller reads for wrong params.
fn issues(params: Value) -> String {
    let error = Machine::new()
        .call("auth.twofactor.update", params)
        .unwrap_err();
    assert_eq!(
        (&error["code"], &error["message"]),
        (&json!(-32602), &json!("Invalid params"))
    );
    let data = &error["data"];
    assert_eq!(
        (&data["error"], &data["errname"]),
        (&json!(22), &json!("EINVAL"))
    );
    assert_eq!(data["trace"], Value::Null);
    let triples = data["extra"].as_array().unwrap();
    assert_eq!(
        triples.len(),
        data["reason"].as_str().unwrap().lines().count()
    );
    data["reason"]
        .as_str()
        .unwrap()
        .replace("[EINVAL] ", "")
        .replace("auth_twofactor_update", "u")
}

#[test]
fn a_new_machine_answers_the_originals_default_row() {
    let row = r#"{"id":1,"otp_digits":6,"secret":null,"window":0,"interval":30,"services":{"ssh":false},"enabled":false}"#;
    assert_eq!(Machine::new().config().to_string(), row);
}

#[test]
fn enabling_makes_one_secret_and_disabling_keeps_it() {
    let mut machine = Machine::new();
    let row = machine.update(json!({ "enabled": true }));
    let secret = row["secret"].as_str().unwrap().to_owned();
    assert_eq!(secret.len(), 32);
    assert_eq!(row, machine.config());
    assert_eq!(
        machine.update(json!({ "enabled": false }))["secret"],
        json!(secret)
    );
    let mut machine = machine.restarted();
    assert_eq!(
        machine.update(json!({ "enabled": true }))["secret"],
        json!(secret)
    );
    assert_eq!(machine.ok("auth.two_factor_auth", json!([])), json!(true));
}

/// On a machine whose uid 0 is called otherwise it could not be turned on, and no secret be renewed.
#[test]
fn uid_0_may_have_another_name_than_root() {
    let mut machine = Machine::new();
    let name = AccountName::new("admin").unwrap();
    machine.state(|tx| {
        let name = name.clone();
        tx.ensure_account(&twofactor::Account { uid: 0, name })
            .unwrap();
    });
    let secret = machine.update(json!({ "enabled": true }))["secret"].clone();
    let issued = machine.ok("auth.twofactor.audit", json!([{ "outcome": "issued" }]));
    assert_eq!(issued[0]["username"], "admin");
    machine.ok("auth.twofactor.renew_secret", json!([]));
    assert_ne!(machine.config()["secret"], secret);
    machine.update(json!({ "otp_digits": 8 }));
    let code = machine.code();
    assert!(machine.verify(json!(code)));
    let devices = machine.ok("auth.twofactor.device.query", json!([]));
    assert_eq!(devices[0]["username"], "admin");
    let login = json!([{ "username": "admin", "uid": 0, "service": "su", "factor": "password" }]);
    let answer = machine.ok("auth.twofactor.authenticate", login);
    assert_eq!(answer["verdict"], "CODE_REQUIRED");
}

#[test]
fn services_are_merged_by_key() {
    let mut machine = Machine::new();
    machine.report_sshd(ssh::report(true));
    assert_eq!(
        machine.update(json!({ "services": { "ssh": true } }))["services"]["ssh"],
        true
    );
    assert_eq!(
        machine.update(json!({ "services": {} }))["services"]["ssh"],
        true
    );
}

#[test]
fn a_change_that_changes_nothing_writes_nothing_and_tells_nobody() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true, "window": 1 }));
    let rows = |machine: &Machine| -> i64 {
        let path = machine.dir.path().join("state/middlewared.db");
        let conn = rusqlite::Connection::open(path).unwrap();
        conn.query_row("SELECT count(*) FROM audit", [], |row| row.get(0))
            .unwrap()
    };
    let (audited, told) = (rows(&machine), machine.events.len());
    for same in [
        json!({}),
        json!({ "enabled": true }),
        json!({ "window": "1", "interval": 30 }),
    ] {
        machine.update(same);
    }
    assert_eq!((rows(&machine), machine.events.len()), (audited, told));
}

#[test]
fn types_are_coerced_as_in_22_12() {
    let mut machine = Machine::new();
    let row = machine.update(json!({ "otp_digits": "8", "interval": "60", "window": "2" }));
    assert_eq!(
        (&row["otp_digits"], &row["interval"], &row["window"]),
        (&json!(8), &json!(60), &json!(2))
    );
}

#[test]
fn wrong_types_are_reported_together_in_the_callers_order() {
    for (params, lines) in [
        (
            json!([{ "window": "x", "enabled": 1 }]),
            "u.window: Not an integer\nu.enabled: Not a boolean\n",
        ),
        (
            json!([{ "enabled": null, "window": null }]),
            "u.enabled: null not allowed\nu.window: null not allowed\n",
        ),
        (
            json!([{ "window": true, "interval": 7.0 }]),
            "u.window: Not an integer\nu.interval: Not an integer\n",
        ),
        (
            json!([{ "interval": "-7", "otp_digits": "" }]),
            "u.interval: Not an integer\nu.otp_digits: Not an integer\n",
        ),
        (
            json!([{ "interval": "²", "window": "٧" }]),
            "u.interval: Not an integer\nu.window: Not an integer\n",
        ),
        (
            json!([{ "id": 1, "secret": "x" }]),
            "u.id: Field was not expected\nu.secret: Field was not expected\n",
        ),
        (
            json!([{ "services": { "web": true, "ssh": 1 } }]),
            "u.services.web: Field was not expected\nu.services.ssh: Not a boolean\n",
        ),
        (
            json!([{ "services": [] }]),
            "u.services: A dict was expected\n",
        ),
        (json!([null]), "u: null not allowed\n"),
        (json!([[]]), "u: A dict was expected\n"),
        // Names and types first: a range is not looked at while they are wrong.
        (
            json!([{ "window": 11, "x": 1 }]),
            "u.x: Field was not expected\n",
        ),
    ] {
        assert_eq!(issues(params.clone()), lines, "{params}");
    }
}

#[test]
fn wrong_ranges_are_reported_together_in_the_declared_order() {
    for (params, lines) in [
        (
            json!([{ "window": 11 }]),
            "u.window: Should be between 0 and 10\n",
        ),
        (
            json!([{ "window": -1, "otp_digits": 5 }]),
            "u.otp_digits: Should be between 6 and 8\nu.window: Should be between 0 and 10\n",
        ),
        (
            json!([{ "interval": 4 }]),
            "u.interval: Should be between 5 and 3600\n",
        ),
        (
            json!([{ "interval": 3601, "otp_digits": 9 }]),
            "u.otp_digits: Should be between 6 and 8\nu.interval: Should be between 5 and 3600\n",
        ),
    ] {
        assert_eq!(issues(params.clone()), lines, "{params}");
    }
    let huge: Value =
        serde_json::from_str("[{\"window\": 1000000000000000000000000000000}]").unwrap();
    assert_eq!(issues(huge), "u.window: Should be between 0 and 10\n");
    let float: Value = serde_json::from_str("[{\"window\": 1e400}]").unwrap();
    assert_eq!(issues(float), "u.window: Not an integer\n");
}

#[test]
fn a_wrong_number_of_params_has_the_current_shape() {
    assert_eq!(issues(json!([])), "u: Field required\n");
    assert_eq!(
        issues(json!([{}, {}])),
        "ALL: Too many arguments (expected 1, found 2)\n"
    );
    let mut machine = Machine::new();
    let error = machine
        .call("auth.twofactor.verify", json!([]))
        .unwrap_err();
    assert_eq!(
        error["data"]["extra"],
        json!([["token", "Field required", 22]])
    );
    let error = machine
        .call("auth.twofactor.config", json!([1]))
        .unwrap_err();
    let line = "Too many arguments (expected 0, found 1)";
    assert_eq!(error["data"]["extra"], json!([["", line, 22]]));
}

#[test]
fn params_may_be_named() {
    let mut machine = Machine::new();
    machine.ok(
        "auth.twofactor.update",
        json!({ "auth_twofactor_update": { "enabled": true } }),
    );
    let code = machine.code();
    assert_eq!(
        machine.ok("auth.twofactor.verify", json!({ "token": code })),
        json!(true)
    );
    let unknown = machine.refusal("auth.twofactor.verify", json!({ "token": null, "x": 1 }));
    assert_eq!(unknown, "[EINVAL] x: Field was not expected\n");
}

#[test]
fn a_code_may_not_be_good_for_more_than_900_seconds() {
    let line = "(2 * window + 1) * interval should be at most 900 seconds, not";
    assert_eq!(
        issues(json!([{ "window": 8, "interval": 60 }])),
        format!("u.window: {line} 1020\n")
    );
    assert_eq!(
        issues(json!([{ "interval": 901 }])),
        format!("u.interval: {line} 901\n")
    );
    let mut machine = Machine::new();
    machine.update(json!({ "window": 10, "interval": 42 }));
    assert!(
        machine
            .call("auth.twofactor.update", json!([{ "interval": 43 }]))
            .is_err()
    );
    assert_eq!(machine.update(json!({ "interval": 30 }))["window"], 10);
}

#[test]
fn a_code_is_good_once_in_each_form_and_after_a_restart() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true }));
    let code = machine.code();
    assert!(machine.verify(json!(code)));
    assert!(!machine.verify(json!(code)));
    let mut machine = machine.restarted();
    assert!(!machine.verify(json!(code)));
    machine.now += 30;
    let code = machine.code();
    assert!(machine.verify(json!(format!("{} {}", &code[..3], &code[3..]))));
    // A number is taken for its digits.
    let number = loop {
        machine.now += 30;
        let code = machine.code();
        if !code.starts_with('0') {
            break code.parse::<u32>().unwrap();
        }
    };
    assert!(machine.verify(json!(number)));
    assert!(!machine.verify(json!(number)));
}

#[test]
fn what_is_no_code_is_false_or_an_error_and_never_true() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true }));
    let code = machine.code();
    for token in [
        json!(null),
        json!(""),
        json!("None"),
        json!(-1),
        json!(12345),
        json!("１２３４５６"),
    ] {
        assert!(!machine.verify(token.clone()), "{token}");
    }
    for (token, message) in [
        (json!(true), "Not a string"),
        (json!(1.5), "Not a string"),
        (json!([code]), "Not a string"),
        (json!({ "token": code }), "Not a string"),
        (
            json!("0".repeat(1025)),
            "Value greater than 1024 not allowed",
        ),
    ] {
        let reason = machine.refusal("auth.twofactor.verify", json!([token]));
        assert_eq!(reason, format!("[EINVAL] token: {message}\n"));
    }
    assert!(machine.verify(json!(code)), "none of them burned the code");
}

#[test]
fn verify_and_renew_are_refused_while_off() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true }));
    let code = machine.code();
    machine.update(json!({ "enabled": false }));
    for (name, params) in [
        ("auth.twofactor.verify", json!([code])),
        ("auth.twofactor.renew_secret", json!([])),
    ] {
        let error = machine.call(name, params).unwrap_err();
        assert_eq!(
            (&error["code"], &error["message"]),
            (&json!(-32001), &json!("Method call error"))
        );
        let data = json!({
            "error": 14, "errname": "EFAULT", "trace": null, "extra": null,
            "reason": "[EFAULT] Please enable Two Factor Authentication first.",
        });
        assert_eq!(error["data"], data);
    }
}

#[test]
fn renewal_ends_the_old_secret_at_once() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true }));
    let (old, old_secret) = (machine.code(), machine.config()["secret"].clone());
    assert_eq!(
        machine.ok("auth.twofactor.renew_secret", json!([])),
        json!(true)
    );
    assert_ne!(machine.config()["secret"], old_secret);
    assert!(!machine.verify(json!(old)));
    let new = machine.code();
    assert!(machine.verify(json!(new)));
}

/// A changed interval must neither lock out until 2083 nor make a used code good again.
#[test]
fn interval_30_60_30_neither_locks_out_nor_reopens_a_code() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true }));
    let first = machine.code();
    assert!(machine.verify(json!(first)));
    machine.update(json!({ "interval": 60 }));
    machine.now += 60;
    let code = machine.code();
    assert!(machine.verify(json!(code)), "60 s: not locked out");
    machine.update(json!({ "interval": 30 }));
    for used in [first, code] {
        assert!(!machine.verify(json!(used)), "not again");
    }
    machine.now += 60;
    let code = machine.code();
    assert!(machine.verify(json!(code)), "30 s: not locked out");
}

#[test]
fn the_provisioning_uri_names_the_machine_and_needs_a_secret() {
    let mut machine = Machine::new();
    let reason = machine.refusal("auth.twofactor.provisioning_uri", json!([]));
    assert!(
        reason.contains("There is no secret yet") && reason.contains("midclt call"),
        "{reason}"
    );
    let row = machine.update(json!({ "enabled": true, "otp_digits": 8, "interval": 60 }));
    let secret = row["secret"].as_str().unwrap();
    let uri = machine.ok("auth.twofactor.provisioning_uri", json!([]));
    let uri = uri.as_str().unwrap();
    assert!(
        uri.starts_with("otpauth://totp/middlewared:") && uri.contains("%40Linux?"),
        "{uri}"
    );
    let tail = format!("?secret={secret}&issuer=middlewared&digits=8&period=60");
    assert!(uri.ends_with(&tail), "{uri}");
}

#[test]
fn events_follow_the_change_and_hold_no_secret() {
    let mut machine = Machine::new();
    let id = machine.ok("core.subscribe", json!(["auth.twofactor.config"]));
    machine.update(json!({ "enabled": true }));
    machine.ok("auth.twofactor.renew_secret", json!([]));
    let mut events = std::mem::take(&mut machine.events);
    events.retain(|event| event.collection() == "auth.twofactor.config");
    assert_eq!(events.len(), 2);
    for event in &events {
        assert!(machine.session.wants(event, 0));
        let text = serde_json::to_string(event).unwrap();
        let prefix = r#"{"msg":"changed","collection":"auth.twofactor.config","fields":{"id":1,"#;
        assert!(
            text.starts_with(prefix) && !text.contains("secret"),
            "{text}"
        );
    }
    machine.ok("core.unsubscribe", json!([id]));
    assert!(!machine.session.wants(&events[0], 0));
    machine.ok("core.subscribe", json!(["*"]));
    assert!(machine.session.wants(&events[0], 0));
    assert!(
        machine
            .refusal("core.subscribe", json!(["auth.nothing"]))
            .contains("core.get_jobs")
    );
}

#[test]
fn turning_on_and_off_is_an_alert_and_a_no_op_is_none() {
    let mut machine = Machine::new();
    let mut alerts = |changes: Value| {
        machine.update(changes);
        let kinds = machine.alerts.drain(..).map(|alert| alert.kind.as_str());
        kinds.collect::<Vec<_>>()
    };
    assert_eq!(
        alerts(json!({ "enabled": true })),
        ["DEVICE_ADDED", "ENABLED"]
    );
    assert!(alerts(json!({ "enabled": true, "window": 1 })).is_empty());
    assert_eq!(alerts(json!({ "enabled": false })), ["DISABLED"]);
    assert_eq!(alerts(json!({ "enabled": true })), ["ENABLED"]);
}

#[test]
fn users_have_a_second_factor_of_their_own() {
    let mut machine = Machine::new();
    let none =
        r#"{"provisioning_uri":null,"secret_configured":false,"interval":30,"otp_digits":6}"#;
    let config = machine.ok("user.twofactor_config", json!(["root"]));
    assert_eq!(config.to_string(), none);
    assert_eq!(
        machine.refusal("user.provisioning_uri", json!(["root"])),
        "[EFAULT] 'root' user does not have two factor authentication configured"
    );
    let options = json!({ "otp_digits": 8, "interval": 60 });
    let renewed = machine.ok("user.renew_2fa_secret", json!(["root", options]));
    assert_eq!(
        (&renewed["username"], &renewed["uid"]),
        (&json!("root"), &json!(0))
    );
    let config = &renewed["twofactor_config"];
    assert_eq!(
        *config,
        machine.ok("user.twofactor_config", json!(["root"]))
    );
    let uri = config["provisioning_uri"].as_str().unwrap();
    assert_eq!(uri, machine.ok("user.provisioning_uri", json!(["root"])));
    assert!(
        uri.starts_with("otpauth://totp/middlewared:root-")
            && uri.contains("%40Linux?secret=")
            && uri.ends_with("&issuer=middlewared&digits=8&period=60"),
        "{uri}"
    );
    // What is not given stays; the secret does not.
    let again = machine.ok("user.renew_2fa_secret", json!(["root", {}]));
    let config = &again["twofactor_config"];
    assert_eq!(
        (&config["otp_digits"], &config["interval"]),
        (&json!(8), &json!(60))
    );
    assert_ne!(config["provisioning_uri"], uri);
    assert_eq!(
        machine.ok("user.unset_2fa_secret", json!(["root"])),
        Value::Null
    );
    assert_eq!(
        machine
            .ok("user.twofactor_config", json!(["root"]))
            .to_string(),
        none
    );
}

/// Devices come, change and go one by one, each with an event; no event and no alert has the secret.
#[test]
fn a_renewal_is_told_without_the_secret() {
    let mut machine = Machine::new();
    let secrets = [(); 2].map(|()| {
        machine.ok("user.renew_2fa_secret", json!(["root", {}]));
        machine.config()["secret"].as_str().unwrap().to_owned()
    });
    machine.ok("user.unset_2fa_secret", json!(["root"]));
    let told: Vec<String> = machine
        .events
        .iter()
        .map(|event| serde_json::to_string(event).unwrap())
        .collect();
    let heads = [
        r#"{"msg":"added","collection":"auth.twofactor.device","id":1,"fields":{"id":1,"username":"root","name":"phone","state":"ACTIVE","#,
        r#"{"msg":"added","collection":"auth.twofactor.alert","fields":{"kind":"DEVICE_ADDED","#,
        r#"{"msg":"changed","collection":"auth.twofactor.config","#,
        r#"{"msg":"changed","collection":"auth.twofactor.device","id":1,"fields":{"id":1,"#,
        r#"{"msg":"added","collection":"auth.twofactor.alert","fields":{"kind":"DEVICE_ADDED","#,
        r#"{"msg":"changed","collection":"auth.twofactor.config","#,
        r#"{"msg":"removed","collection":"auth.twofactor.device","id":1}"#,
        r#"{"msg":"changed","collection":"auth.twofactor.config","#,
        r#"{"msg":"added","collection":"auth.twofactor.alert","fields":{"kind":"DEVICE_REMOVED","#,
    ];
    assert_eq!(told.len(), heads.len(), "{told:#?}");
    for (told, head) in told.iter().zip(heads) {
        assert!(told.starts_with(head), "{told}");
        assert!(
            secrets.iter().all(|secret| !told.contains(secret)),
            "{told}"
        );
    }
}

#[test]
fn names_of_nobody_and_options_that_are_none_are_refused() {
    let nobody = "no-such-user-here";
    for (name, params, reason) in [
        (
            "user.renew_2fa_secret",
            json!([nobody, {}]),
            "[ENOENT] User 'no-such-user-here' does not exist",
        ),
        (
            "user.unset_2fa_secret",
            json!([nobody]),
            "[ENOENT] User 'no-such-user-here' does not exist",
        ),
        (
            "user.renew_2fa_secret",
            json!(["root"]),
            "[EINVAL] twofactor_options: Field required\n",
        ),
        (
            "user.renew_2fa_secret",
            json!(["a/b", { "interval": 45, "otp_digits": 9 }]),
            "[EINVAL] username: Not a valid account name\n\
             [EINVAL] twofactor_options.otp_digits: Should be between 6 and 8\n\
             [EINVAL] twofactor_options.interval: Should be 30 or 60\n",
        ),
        (
            "user.renew_2fa_secret",
            json!([null, { "interval": "x", "uid": 1 }]),
            "[EINVAL] username: null not allowed\n\
             [EINVAL] twofactor_options.interval: Not an integer\n\
             [EINVAL] twofactor_options.uid: Field was not expected\n",
        ),
    ] {
        assert_eq!(Machine::new().refusal(name, params), reason);
    }
}

/// The log is read by more people than root, and somebody types a password where a name belongs.
#[test]
fn what_was_typed_is_not_for_the_log() {
    let method = find("user.unset_2fa_secret").unwrap();
    let params = RawParams::Positional(vec![json!("hunter2")]);
    let error = Machine::new().run(method, params).unwrap_err();
    assert!(error.to_string().contains("hunter2"), "{error}");
    assert_eq!(error.for_log(), "ENOENT");
}

#[test]
fn without_the_master_key_reading_is_an_error_and_unlocking_works() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true }));
    let code = machine.code();
    std::fs::remove_file(machine.dir.path().join("state/middlewared.key")).unwrap();
    let mut machine = machine.restarted();
    for (name, params) in [
        ("auth.twofactor.config", json!([])),
        ("auth.twofactor.provisioning_uri", json!([])),
        ("auth.twofactor.verify", json!([code])),
        ("auth.twofactor.renew_secret", json!([])),
    ] {
        let reason = machine.refusal(name, params);
        assert!(
            reason.starts_with("[ENOKEY]") && reason.contains("middlewared.key"),
            "{reason}"
        );
    }
    let row = machine.update(json!({ "enabled": false }));
    assert_eq!(row["enabled"], false);
    assert!(
        row.get("secret").is_none(),
        "null would say that there is none"
    );
    let reason = machine.refusal("auth.twofactor.update", json!([{ "enabled": true }]));
    assert!(
        reason.starts_with("[ENOKEY]"),
        "no second secret is minted: {reason}"
    );
    assert_eq!(machine.ok("auth.two_factor_auth", json!([])), json!(false));
}

#[test]
fn what_the_originals_clients_ask_first_is_answered() {
    let mut machine = Machine::new();
    let asked = json!([{ "legacy_jobs": false, "py_exceptions": false, "new_in_27": 1 }]);
    let answer = json!({ "legacy_jobs": false, "private_methods": false, "py_exceptions": false });
    assert_eq!(machine.ok("core.set_options", asked), answer);
    assert!(
        machine
            .call("core.set_options", json!([{ "legacy_jobs": 1 }]))
            .is_err()
    );
    assert!(
        machine
            .ok("core.subscribe", json!(["core.get_jobs"]))
            .is_string()
    );
    assert_eq!(
        machine.ok("core.unsubscribe", json!(["unknown"])),
        Value::Null
    );
    assert_eq!(
        machine.ok("core.get_jobs", json!([[["id", "=", 1]], { "get": true }])),
        json!([])
    );
    assert_eq!(machine.ok("core.ping", json!([])), json!("pong"));
    let services = machine.ok("core.get_services", json!(["WS"]));
    assert_eq!(
        services["auth.twofactor"],
        json!({ "config": {}, "type": "config" })
    );
    assert_eq!(services["core"]["type"], "service");
}

#[test]
fn a_connection_has_few_subscriptions_and_a_request_has_none() {
    let mut machine = Machine::new();
    for _ in 0..32 {
        machine.ok("core.subscribe", json!(["*"]));
    }
    assert!(
        machine
            .refusal("core.subscribe", json!(["*"]))
            .starts_with("[EBUSY]")
    );
    machine.session = Session::without_events();
    assert!(
        machine
            .refusal("core.subscribe", json!(["*"]))
            .contains("WebSocket")
    );
}

#[test]
fn every_method_is_documented_and_found() {
    for method in methods() {
        assert_eq!(find(method.name).unwrap().name, method.name);
    }
    assert!(find("auth.twofactor").is_none() && find("").is_none());
    let described = Machine::new().ok("core.get_methods", json!([]));
    assert_eq!(described.as_object().unwrap().len(), methods().count());
    for (name, method) in described.as_object().unwrap() {
        assert!(
            !method["cli_description"].as_str().unwrap().is_empty(),
            "{name}"
        );
    }
    let of_one = Machine::new().ok("core.get_methods", json!(["auth.twofactor", "CLI"]));
    let names = of_one.as_object().unwrap().keys();
    assert!(
        names.len() > 0
            && names
                .clone()
                .all(|name| name.starts_with("auth.twofactor."))
    );
}

#[test]
fn the_contract_says_which_methods_take_one_object() {
    let contract = contract();
    let update = contract["methods"]
        .as_array()
        .unwrap()
        .iter()
        .find(|method| method["name"] == "auth.twofactor.update")
        .unwrap();
    let param = &update["params"][0];
    assert_eq!(param["schema"]["type"], "object");
    assert_eq!(param["schema"]["properties"]["window"]["maximum"], 10);
    assert_eq!(
        param["schema"]["properties"]["services"]["properties"]["ssh"]["type"],
        "boolean"
    );
    assert_eq!(update["offline"], true);
}
