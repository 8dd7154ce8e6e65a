//! The same for all that is stored about accounts: each kind of write, killed in the middle.
//!
//! Five clients work, each at accounts of its own, so that one promise says all that one state must
//! hold. A call that was cut off may have happened or not; whatever was answered has.

use std::path::Path;
use std::sync::atomic::AtomicU64;

use serde_json::{Value, json};

use super::{Client, Work, assert_whole, kill_in_the_middle};
use crate::site::{Login, Phone, Site, login, uid_of, wrong_code};

const ROUNDS: u64 = 24;

/// What one client was told, in its order, and what it had asked when it was cut off.
#[derive(Debug, Default)]
struct Told {
    answers: Vec<(Call, Value)>,
    cut_off: Option<Call>,
}

/// Whether a call is of some kind.
type IsIt = fn(&Call) -> bool;

/// A call that changes something.
#[derive(Clone, Debug, PartialEq)]
enum Call {
    /// `device.create` in place of this device.
    Renew(i64),
    /// `device.confirm` of this device, with this code.
    Confirm(i64, String),
    /// A login with a recovery code, or with whatever else was typed.
    Login(String),
    /// A login that a bypass lets in.
    Pass,
    /// `bypass.create` with ten uses.
    Bypass,
    /// `policy.update` to so many days of grace.
    Policy(u64),
    /// `exemption.create` until this second.
    Exempt(u64),
    /// `invite.create`.
    Invite,
    /// `grace.create` of so many days.
    Grace(u64),
}

/// Does one thing after another until it is cut off.
struct Worker<'a> {
    client: Client<'a>,
    told: Told,
}

impl<'a> Worker<'a> {
    fn new(path: &Path, answers: &'a AtomicU64) -> Self {
        Self {
            client: Client::connect(path, answers),
            told: Told::default(),
        }
    }

    fn call(&mut self, call: Call, method: &str, params: Value) -> Option<Value> {
        let answer = self.client.call(method, params);
        match &answer {
            Some(answer) => self.told.answers.push((call, answer.clone())),
            None => self.told.cut_off = Some(call),
        }
        answer
    }

    fn login(&mut self, call: Call, login: &Login) -> Option<Value> {
        self.call(call, "auth.twofactor.authenticate", login.params())
    }
}

/// Renews a device again and again; each new one is confirmed with a code of its own.
fn renew(mut worker: Worker<'_>, mut current: i64, now: u64) -> Told {
    loop {
        let params = json!([{"username": "alice", "name": "phone", "replaces": current}]);
        let create = "auth.twofactor.device.create";
        let Some(created) = worker.call(Call::Renew(current), create, params) else {
            return worker.told;
        };
        let phone = Phone::new(&created);
        let params = json!([{"id": phone.id, "token": phone.code(now)}]);
        let call = Call::Confirm(phone.id, phone.code(now));
        if worker
            .call(call, "auth.twofactor.device.confirm", params)
            .is_none()
        {
            return worker.told;
        }
        current = phone.id;
    }
}

/// Uses these up, one after the other.
fn use_up(mut worker: Worker<'_>, codes: &[String]) -> Told {
    for code in codes {
        let door = login("bob").with("uid", uid_of("bob")).code(code);
        if worker.login(Call::Login(code.clone()), &door).is_none() {
            break;
        }
    }
    worker.told
}

/// Gives bypasses and uses them.
fn pass(mut worker: Worker<'_>) -> Told {
    let door = login("carol").with("uid", uid_of("carol"));
    let params = json!([{
        "username": "carol", "minutes": 1440, "uses": 10, "reason": "a lost phone",
    }]);
    loop {
        let create = "auth.twofactor.bypass.create";
        if worker.call(Call::Bypass, create, params.clone()).is_none() {
            return worker.told;
        }
        for _ in 0..8 {
            if worker.login(Call::Pass, &door).is_none() {
                return worker.told;
            }
        }
    }
}

/// Guesses at one account from one address, until it is locked and on.
fn guess(mut worker: Worker<'_>, door: &Login) -> Told {
    while worker.login(Call::Login("wrong".into()), door).is_some() {}
    worker.told
}

/// Changes what governs everybody, and permits this and that to one.
fn administer(mut worker: Worker<'_>, from: u64, now: u64) -> Told {
    for number in from.. {
        let (days, until) = (1 + number % 90, now + 1_000_000 + number);
        let exemption = json!([{"username": "erin", "until": until, "reason": "a new phone"}]);
        for (call, method, params) in [
            (
                Call::Policy(days),
                "policy.update",
                json!([{"grace_days": days}]),
            ),
            (Call::Exempt(until), "exemption.create", exemption),
            (Call::Invite, "invite.create", json!([{"username": "erin"}])),
            (
                Call::Grace(days),
                "grace.create",
                json!([{"username": "frank", "days": days}]),
            ),
        ] {
            let method = format!("auth.twofactor.{method}");
            if worker.call(call, &method, params).is_none() {
                return worker.told;
            }
        }
    }
    worker.told
}

/// What there was before a round, as root saw it.
struct Before {
    device: i64,
    codes: Vec<String>,
    uses: u64,
    policy: u64,
}

impl Told {
    fn last<T>(&self, pick: impl Fn(&Call, &Value) -> Option<T>) -> Option<T> {
        self.answers
            .iter()
            .rev()
            .find_map(|(call, answer)| pick(call, answer))
    }

    fn count(&self, is_it: impl Fn(&Call, &Value) -> bool) -> usize {
        self.answers
            .iter()
            .filter(|(call, answer)| is_it(call, answer))
            .count()
    }
}

/// Every kind of write about accounts, over and over, and a kill in the middle of each round.
#[test]
fn every_write_about_an_account_survives_kill_9_and_nothing_is_good_twice() {
    let mut site = Site::new();
    let answers = AtomicU64::new(0);
    let first = site.enrol("alice");
    site.enrol("bob");
    site.enrol("carol");
    let guessed = site.enrol("dave");
    let mut before = Before {
        device: first.id,
        codes: site.recovery_codes("bob"),
        uses: 0,
        policy: 14,
    };
    let mut worked = [0; 5];
    for round in 0..ROUNDS {
        site.pass(60);
        site.call("auth.twofactor.unlock", json!(["dave"]));
        if before.codes.len() < 4 {
            before.codes = site.recovery_codes("bob");
        }
        let now = site.now();
        let from = format!("203.0.113.{round}");
        let wrong = login("dave").with("uid", uid_of("dave"));
        let wrong = wrong.code(&wrong_code(&[&guessed], 6, now)).from(&from);
        let path = site.daemon.socket().to_owned();
        let new = || Worker::new(&path, &answers);
        let mut clients: Vec<Work<'_, Told>> = vec![
            Box::new(|| renew(new(), before.device, now)),
            Box::new(|| use_up(new(), &before.codes)),
            Box::new(|| pass(new())),
            Box::new(|| guess(new(), &wrong)),
            Box::new(|| administer(new(), round * 1000, now)),
        ];
        // Recovery codes take 30 ms and more each, so that the others leave them few of the answers.
        if round % 4 == 3 {
            for other in [0, 2, 3, 4] {
                clients[other] = Box::new(Told::default);
            }
        }
        let told = kill_in_the_middle(&mut site.daemon, round, &answers, clients);
        site.start();
        for (worked, told) in worked.iter_mut().zip(&told) {
            *worked += told.answers.len();
        }
        renewals_were_kept(&mut site, &mut before, &told[0]);
        recovery_codes_were_kept(&mut site, &mut before, &told[1]);
        bypasses_were_kept(&mut site, &mut before, &told[2]);
        failures_were_kept(&site, &from, &told[3]);
        administration_was_kept(&mut site, &mut before, &told[4]);
    }
    assert!(
        worked.iter().all(|answers| *answers > 20),
        "answers: {worked:?}"
    );
    assert_whole(&site.daemon.state_dir());
}

/// The last confirmed device is there, and no code that confirmed one opens anything.
fn renewals_were_kept(site: &mut Site, before: &mut Before, told: &Told) {
    let confirmed = told.last(|call, _| match call {
        Call::Confirm(id, _) => Some(*id),
        _ => None,
    });
    let confirmed = confirmed.unwrap_or(before.device);
    let rows = site.call(
        "auth.twofactor.device.query",
        json!([{"username": "alice"}]),
    );
    let rows = rows.as_array().unwrap();
    let active: Vec<i64> = rows
        .iter()
        .filter(|row| row["state"] == "ACTIVE")
        .map(|row| row["id"].as_i64().unwrap())
        .collect();
    let mut allowed = vec![vec![confirmed]];
    if let Some(Call::Confirm(id, _)) = &told.cut_off {
        allowed.push(vec![*id]);
    }
    assert!(
        allowed.contains(&active),
        "{active:?}, and not one of {allowed:?}"
    );
    for (call, created) in &told.answers {
        let is_there = |id: &Value| rows.iter().any(|row| row["id"] == *id);
        let is_next = matches!(call, Call::Renew(current) if *current == active[0]);
        assert!(
            !is_next || is_there(&created["id"]),
            "an acknowledged device is gone"
        );
        if let Call::Confirm(_, code) = call {
            let door = login("alice").with("uid", uid_of("alice")).code(code);
            assert_ne!(site.verdict(&door), "ACCEPTED", "{code} confirmed a device");
        }
    }
    // What was never confirmed goes, so that the rounds do not run into the bound of eight.
    for row in rows.iter().filter(|row| row["state"] == "PENDING") {
        site.call("auth.twofactor.device.delete", json!([row["id"]]));
    }
    site.call("auth.twofactor.unlock", json!(["alice"]));
    before.device = active[0];
}

/// What was accepted is not accepted again; all others are there, but for one that was cut off.
fn recovery_codes_were_kept(site: &mut Site, before: &mut Before, told: &Told) {
    for (call, answer) in &told.answers {
        assert_eq!(answer["verdict"], "ACCEPTED", "{call:?}");
    }
    before.codes.drain(..told.answers.len());
    let left = site.call("auth.twofactor.recovery.remaining", json!(["bob"]));
    let left = usize::try_from(left["remaining"].as_u64().unwrap()).unwrap();
    let is_cut_off = told.cut_off.is_some();
    let unused = before.codes.len();
    assert!(
        left == unused || is_cut_off && left + 1 == unused,
        "{left} of {unused} are left"
    );
    if let Some((Call::Login(code), _)) = told.answers.last() {
        let door = login("bob").with("uid", uid_of("bob")).code(code);
        assert_eq!(
            site.verdict(&door),
            "WRONG",
            "it was used up before the kill"
        );
    }
    before.codes.drain(..unused - left);
    site.call("auth.twofactor.unlock", json!(["bob"]));
}

/// No use of a bypass is spent twice, and none that was not spent is gone.
fn bypasses_were_kept(site: &mut Site, before: &mut Before, told: &Told) {
    let given = 10 * told.count(|call, _| *call == Call::Bypass);
    let spent = told.count(|call, answer| *call == Call::Pass && answer["verdict"] == "BYPASSED");
    let expected = before.uses + u64::try_from(given).unwrap() - u64::try_from(spent).unwrap();
    let rows = site.call(
        "auth.twofactor.bypass.query",
        json!([{"username": "carol"}]),
    );
    let uses = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["uses_left"].as_u64().unwrap());
    let found = uses.sum::<u64>();
    let allowed = match told.cut_off {
        Some(Call::Bypass) => vec![expected, expected + 10],
        Some(Call::Pass) => vec![expected, expected.saturating_sub(1)],
        _ => vec![expected],
    };
    assert!(
        allowed.contains(&found),
        "{found} uses, and not one of {allowed:?}"
    );
    before.uses = found;
}

/// Each wrong code that was judged is counted, and no more were judged than may be.
fn failures_were_kept(site: &Site, source: &str, told: &Told) {
    let judged = told.count(|_, answer| answer["verdict"] == "WRONG");
    let select = format!(
        "SELECT ifnull(max(failures), 0) FROM streaks WHERE account = {} AND source = '{source}'",
        uid_of("dave")
    );
    let counted = usize::try_from(site.number(&select)).unwrap();
    assert!(
        (judged..=judged + 1).contains(&counted),
        "{counted} counted of {judged}"
    );
    assert!(counted <= 5, "{counted} were judged");
}

/// The last change of each kind that was acknowledged is there, or the one after it that was cut off.
fn administration_was_kept(site: &mut Site, before: &mut Before, told: &Told) {
    let cut_off = told.cut_off.as_ref();
    let days_of = |call: &Call| match call {
        Call::Policy(days) => Some(*days),
        _ => None,
    };
    let acknowledged = told.last(|call, _| days_of(call)).unwrap_or(before.policy);
    let policy = site.call("auth.twofactor.policy.config", json!([]));
    before.policy = policy["grace_days"].as_u64().unwrap();
    let is_next = cut_off.and_then(days_of) == Some(before.policy);
    assert!(
        before.policy == acknowledged || is_next,
        "{acknowledged}: {policy}"
    );
    let kinds: [(&str, &str, &str, IsIt); 3] = [
        ("exemption", "erin", "id", |call| {
            matches!(call, Call::Exempt(_))
        }),
        ("invite", "erin", "id", |call| *call == Call::Invite),
        ("grace", "frank", "until", |call| {
            matches!(call, Call::Grace(_))
        }),
    ];
    for (collection, username, key, is_it) in kinds {
        let last = told.last(|call, answer| is_it(call).then(|| answer[key].clone()));
        let method = format!("auth.twofactor.{collection}.query");
        let rows = site.call(&method, json!([{"username": username}]));
        let is_there = |last| rows.as_array().unwrap().iter().any(|row| row[key] == last);
        let was_replaced = cut_off.is_some_and(is_it);
        assert!(
            last.is_none_or(is_there) || was_replaced,
            "{collection}: {rows}"
        );
    }
}
