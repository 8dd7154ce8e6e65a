//! Runs in a guest whose power will be cut: `stream SOCKET LAST`. Every answer is printed when it has
//! come, and not before.
//!
//! First what the state remembers: whether the code of the counter LAST is refused as used up, and how
//! many days of grace there are. Then, until the power goes, ever later codes on one connection, each at
//! its time, since the clock is moved; and ever other days of grace on a second connection.
#![forbid(unsafe_code)]
#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a JSON value is indexed without panic; printing is its job"
)]

use std::error::Error;
use std::path::Path;
use std::thread;

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_settime};
use serde_json::{Value, json};
use testkit::{Algorithm, Socket, totp};

/// Time steps of the default length.
const INTERVAL: u64 = 30;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let path = words.next().ok_or("no socket")?;
    let last: u64 = words.next().ok_or("no counter")?.parse()?;
    let mut codes = Socket::connect(Path::new(&path));
    let mut days = Socket::connect(Path::new(&path));
    set_clock(last)?;
    let row = codes.call("auth.twofactor.update", json!([{"enabled": true}]));
    let secret = row["secret"].as_str().ok_or("no secret")?.to_owned();
    let first = grace(&days.call("auth.twofactor.policy.update", json!([{}])))?;
    println!("again {last} {}", verify(&mut codes, &secret, last));
    println!("days {first}");
    println!("stream begins");
    thread::spawn(move || {
        for number in first.. {
            let update = json!([{"grace_days": 1 + number % 90}]);
            let row = days.call("auth.twofactor.policy.update", update);
            println!("days {}", row["grace_days"]);
        }
    });
    for counter in last + 1.. {
        set_clock(counter)?;
        let answer = verify(&mut codes, &secret, counter);
        println!("code {counter} {answer}");
    }
    Ok(())
}

fn set_clock(counter: u64) -> Result<(), Box<dyn Error>> {
    let middle = i64::try_from(counter * INTERVAL + INTERVAL / 2)?;
    Ok(clock_settime(
        ClockId::CLOCK_REALTIME,
        TimeSpec::new(middle, 0),
    )?)
}

fn verify(socket: &mut Socket, secret: &str, counter: u64) -> Value {
    let code = totp(secret, 6, INTERVAL, counter * INTERVAL, Algorithm::Sha1);
    socket.call("auth.twofactor.verify", json!([code]))
}

fn grace(policy: &Value) -> Result<u64, Box<dyn Error>> {
    Ok(policy["grace_days"].as_u64().ok_or("no days of grace")?)
}
