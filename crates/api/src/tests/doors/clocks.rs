//! Waits, and clocks that were ahead.

use super::*;

/// The wait that a right clock begins is kept, at the doors that answer only yes or no as well.
#[test]
fn a_wait_from_a_clock_that_was_ahead_ends_at_every_door() {
    const DAY: u64 = 86_400;
    for door in ["auth.twofactor.verify", "user.verify_twofactor_token"] {
        let mut doors = Doors::new();
        let (username, params) = match door {
            "auth.twofactor.verify" => ("root", vec![]),
            _ => (DAEMON.0, vec![json!(DAEMON.0)]),
        };
        let wrong = doors.wrong();
        let ask = |machine: &mut Machine, code: &str| {
            let params = [params.clone(), vec![json!(code)]].concat();
            machine.call(door, Value::Array(params))
        };
        doors.machine.now += DAY;
        for _ in 0..5 {
            doors.machine.wrong("", username);
        }
        doors.machine.now -= DAY;
        let locked = ask(&mut doors.machine, wrong).unwrap_err();
        assert_eq!(locked["data"]["errname"], "EBUSY", "{door}: {locked}");
        doors.machine.now += 30;
        let judged = ask(&mut doors.machine, wrong);
        assert_eq!(judged, Ok(json!(false)), "{door}");
    }
}
