//! Many at once: each with a right code, each let in.

use serde_json::json;

use super::door::{CODE, Door, EITHER};
use super::parallel::codes_at_once;

const MODULE: &str = "pam_middleware.so";

/// So many accounts log in at the same time, every second one by its key; all codes are typed in the
/// same moment.
fn crowd(size: usize) {
    // The usual two seconds are for a machine that has nothing else to do.
    let patient = |stack: &str| stack.replace(MODULE, &format!("{MODULE} timeout_ms=10000"));
    let mut door = Door::with_files(&EITHER.text(), patient);
    let names: Vec<String> = (1..=size).map(|number| format!("user{number}")).collect();
    let passwords: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), "crowded"))
        .collect();
    door.machine.add_accounts(&passwords);
    let phones: Vec<_> = names
        .iter()
        .map(|name| door.site.issue(name, "phone"))
        .collect();
    for phone in &phones {
        door.site.confirm(phone);
    }
    door.site.pass(30);
    let logins = names
        .iter()
        .zip(&phones)
        .enumerate()
        .map(|(number, (name, phone))| {
            let login = door.machine.login(name);
            let login = match number % 2 {
                0 => login.password("crowded"),
                _ => login.key(&door.machine.add_key(name)),
            };
            (login, door.code(phone))
        });
    let outcomes = codes_at_once(logins.collect(), CODE);
    let refused: Vec<_> = outcomes.iter().filter(|outcome| !outcome.is_in).collect();
    assert!(
        refused.is_empty(),
        "{} of {size}: {refused:#?}",
        refused.len()
    );
    assert_eq!(outcomes.len(), size);
    let status = door.site.call("auth.twofactor.status", json!([]));
    assert_eq!(status["locks"], json!([]), "{status}");
}

#[test]
fn twelve_of_twelve_accounts_at_once() {
    crowd(12);
}

#[test]
fn fifty_of_fifty_accounts_at_once() {
    crowd(50);
}
