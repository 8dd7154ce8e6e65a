//! Codes by authenticators that other people wrote, with the clock moved.
//!
//! pyotp and oathtool make the codes; the built daemon judges them at a time that libfaketime
//! shows it. A failure names the seed of its cases: `MIDDLEWARED_TEST_SEED=N` repeats them.
#![cfg(feature = "system")]

pub(crate) mod authenticators;
pub(crate) mod cases;

use serde_json::{Value, json};
use testkit::{Daemon, Socket};

use self::authenticators::{Pyotp, oathtool};
use self::cases::{Case, Random};

/// Random cases in one run, besides the edges.
const RANDOM_CASES: usize = 150;

/// How many steps outside the window are tried, on each side.
const OUTSIDE: u64 = 2;

/// A daemon on a clock of its own, and two authenticators.
struct Bench {
    daemon: Daemon,
    socket: Socket,
    pyotp: Pyotp,
}

impl Bench {
    fn new() -> Self {
        let daemon = Daemon::builder().fake_clock().start();
        let mut socket = daemon.connect();
        socket.call("auth.twofactor.update", json!([{"enabled": true}]));
        Self {
            daemon,
            socket,
            pyotp: Pyotp::start(),
        }
    }

    /// A new secret with these settings, at this time.
    fn set_up(&mut self, case: Case) -> String {
        self.daemon.clock().freeze_at(case.time);
        let changes = json!([{
            "otp_digits": case.digits, "interval": case.interval, "window": case.window,
        }]);
        // In two steps: the window of the last case may be too wide for this interval.
        self.socket
            .call("auth.twofactor.update", json!([{"window": 0}]));
        self.socket.call("auth.twofactor.update", changes);
        self.socket.call("auth.twofactor.renew_secret", json!([]));
        let row = self.socket.call("auth.twofactor.config", json!([]));
        row["secret"].as_str().unwrap().to_owned()
    }

    fn verify(&mut self, code: &str) -> bool {
        self.socket.call("auth.twofactor.verify", json!([code])) == Value::Bool(true)
    }
}

#[test]
fn edges_of_time_and_settings() {
    let mut bench = Bench::new();
    for case in cases::EDGES {
        check(&mut bench, *case, "an edge");
    }
}

#[test]
fn random_cases() {
    let mut bench = Bench::new();
    let (seed, mut random) = Random::seeded();
    let from = format!("MIDDLEWARED_TEST_SEED={seed}");
    for _ in 0..RANDOM_CASES {
        check(&mut bench, Case::random(&mut random), &from);
    }
}

/// All the codes around one moment: refused outside the window, accepted once inside it.
fn check(bench: &mut Bench, case: Case, from: &str) {
    let secret = bench.set_up(case);
    let steps = case.steps_around(OUTSIDE);
    let codes = oathtool(&secret, case, steps.clone());
    assert_eq!(
        codes,
        bench.pyotp.codes(&secret, case, steps.clone()),
        "{case:?} {from}"
    );
    let at = |index: usize| format!("{case:?}, secret {secret}, code {index} of {codes:?}, {from}");
    let window = case.steps_around(0);
    let (good, bad): (Vec<_>, Vec<_>) = steps
        .zip(&codes)
        .enumerate()
        .partition(|(_, (step, _))| window.contains(step));
    // By chance a code from outside is also one from inside.
    let is_good = |code: &String| good.iter().any(|(_, (_, other))| *other == code);
    for (index, (_, code)) in bad.iter().filter(|(_, (_, code))| !is_good(code)) {
        assert!(!bench.verify(code), "accepted from outside: {}", at(*index));
    }
    for (index, (_, code)) in &good {
        // Later steps only, so every code is new, but for a coincidence inside the window.
        if good.iter().filter(|(_, (_, other))| other == code).count() > 1 {
            continue;
        }
        assert!(bench.verify(code), "refused: {}", at(*index));
        assert!(!bench.verify(code), "accepted twice: {}", at(*index));
    }
    for (index, (_, code)) in &good {
        assert!(!bench.verify(code), "accepted again later: {}", at(*index));
    }
}

/// What a phone makes of the URI: pyotp reads it, and its codes are accepted.
#[test]
fn the_uri_gives_the_same_codes() {
    let mut bench = Bench::new();
    let (seed, mut random) = Random::seeded();
    for _ in 0..30 {
        let case = Case::random(&mut random);
        // pyotp takes no longer steps from a URI.
        if case.interval > 120 {
            continue;
        }
        let secret = bench.set_up(case);
        let uri = bench
            .socket
            .call("auth.twofactor.provisioning_uri", json!([]));
        let uri = uri.as_str().unwrap();
        let step = case.steps_around(0);
        let codes = bench.pyotp.codes_of_uri(uri, case, step.clone());
        let at = format!("{case:?} {uri} MIDDLEWARED_TEST_SEED={seed}");
        assert_eq!(codes, bench.pyotp.codes(&secret, case, step), "{at}");
        assert!(bench.verify(codes.last().unwrap()), "{at}");
    }
}

/// People type `123 456`; what is not a code is refused, and does not end the daemon.
#[test]
fn spaces_are_forgiven_and_nothing_else() {
    let mut bench = Bench::new();
    let case = Case {
        time: 1_800_000_000,
        digits: 6,
        interval: 30,
        window: 0,
    };
    let secret = bench.set_up(case);
    let code = oathtool(&secret, case, case.steps_around(0)).remove(0);
    let (left, right) = code.split_at(3);
    for wrong in [
        format!("{code}0"),
        format!("{left}-{right}"),
        format!("{left}{right}x"),
        format!("0x{code}"),
        format!("-{code}"),
        format!("+{code}"),
        left.to_owned(),
        String::new(),
        " ".repeat(6),
        full_width(&code),
        "١٢٣٤٥٦".to_owned(),
        format!("{code}\n{code}"),
        "9".repeat(1024),
    ] {
        assert!(!bench.verify(&wrong), "{wrong:?}");
    }
    assert!(bench.verify(&format!("{left} {right}")));
}

/// The digits of another script: the original took them for the same.
fn full_width(code: &str) -> String {
    code.chars()
        .map(|c| char::from_u32(c as u32 + 0xfee0).unwrap())
        .collect()
}
