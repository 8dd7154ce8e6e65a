//! An account's failures from everywhere together.

use serde_json::json;

use crate::site::{DAY, HOME, Phone, Site, login, wrong_code};

/// One failure of a hundred is forgotten in this time.
const FORGETS_ONE: u64 = DAY / 10;

/// An account that knows its owner's address and has recovery codes, after five wrong codes from each
/// of these many addresses.
struct UnderAttack {
    site: Site,
    phone: Phone,
    wrong: String,
    recovery: Vec<String>,
    /// When the owner's address became known.
    known_at: u64,
}

impl UnderAttack {
    fn from(addresses: usize) -> Self {
        let mut site = Site::new();
        let recovery = site.recovery_codes("alice");
        let phone = site.enrol("alice");
        let known_at = site.now();
        assert_eq!(site.log_in("alice", &phone), "ACCEPTED");
        site.pass(30);
        let wrong = wrong_code(&[&phone], 6, site.now());
        let mut attack = Self {
            site,
            phone,
            wrong,
            recovery,
            known_at,
        };
        for number in 0..addresses {
            let door = login("alice").code(&attack.wrong).from(&address(number));
            attack.site.guess_wrong(&door, 5);
        }
        attack
    }

    fn good_from(&mut self, source: &str) -> String {
        let code = self.phone.code(self.site.now());
        let verdict = self.site.verdict(&login("alice").code(&code).from(source));
        self.site.pass(30);
        verdict
    }
}

fn address(number: usize) -> String {
    format!("203.0.113.{}", number + 1)
}

/// Twenty addresses with five codes each close the account to new addresses, and to nobody else.
#[test]
fn twenty_addresses_times_five_codes_do_not_lock_the_owner_out() {
    let mut attack = UnderAttack::from(20);
    let new = "192.0.2.77";
    let answer = attack
        .site
        .ask(&login("alice").code(&attack.wrong).from(new));
    assert_eq!(answer["verdict"], "LOCKED");
    assert_eq!(answer["retry_after"], FORGETS_ONE);
    assert_eq!(
        attack.good_from(new),
        "LOCKED",
        "not even with a right code"
    );
    assert_eq!(attack.good_from(HOME), "ACCEPTED", "the owner's address");
    assert_eq!(attack.good_from(""), "ACCEPTED", "this machine");
    let recovery = login("alice").code(&attack.recovery[0]).from(new);
    assert_eq!(
        attack.site.verdict(&recovery),
        "ACCEPTED",
        "a recovery code from anywhere"
    );
    // Which makes that address known: an accepted code is an accepted code.
    assert_eq!(attack.good_from(new), "ACCEPTED");
    assert_eq!(attack.good_from("192.0.2.78"), "LOCKED");
    // The other accounts have nothing to do with it.
    let bob = attack.site.enrol("bob");
    let door = login("bob")
        .code(&bob.code(attack.site.now()))
        .from("192.0.2.79");
    assert_eq!(attack.site.verdict(&door), "ACCEPTED");
}

/// Nothing of it is lost by a restart or a power cut.
#[test]
fn the_hard_stop_outlives_a_power_cut_and_ends_with_unlock() {
    let mut attack = UnderAttack::from(20);
    attack.site.cut_power();
    assert_eq!(attack.good_from("192.0.2.77"), "LOCKED");
    let unlocked = attack.site.call("auth.twofactor.unlock", json!(["alice"]));
    assert_eq!(unlocked["failures_forgiven"], 100);
    assert_eq!(attack.good_from("192.0.2.77"), "ACCEPTED");
}

/// The end of the stop is one attempt for all new addresses together, not a fresh hundred.
#[test]
fn what_is_forgotten_gives_one_attempt_and_not_all() {
    let mut attack = UnderAttack::from(20);
    for round in 0..3 {
        attack.site.pass(FORGETS_ONE);
        attack.wrong = wrong_code(&[&attack.phone], 6, attack.site.now());
        let guesses: Vec<String> = (0..10)
            .map(|number| {
                let source = format!("192.0.2.{}", round * 10 + number);
                attack
                    .site
                    .verdict(&login("alice").code(&attack.wrong).from(&source))
            })
            .collect();
        let judged = guesses.iter().filter(|verdict| *verdict == "WRONG").count();
        assert_eq!(judged, 1, "{guesses:?}");
    }
}

/// A known address stays known for 30 days, and has its own waits.
#[test]
fn a_known_address_is_throttled_by_itself_and_forgotten_after_thirty_days() {
    let mut attack = UnderAttack::from(20);
    let door = login("alice").code(&attack.wrong);
    attack.site.guess_wrong(&door, 5);
    let answer = attack.site.ask(&door);
    assert_eq!(
        (&answer["verdict"], &answer["retry_after"]),
        (&json!("LOCKED"), &json!(30))
    );
    attack.site.pass(30);
    assert_eq!(attack.good_from(HOME), "ACCEPTED");
    // Thirty days later those hundred are forgotten too, so they are made again.
    attack.site.set(attack.known_at + 30 * DAY - 1);
    attack.wrong = wrong_code(&[&attack.phone], 6, attack.site.now());
    for number in 0..20 {
        let door = login("alice")
            .code(&attack.wrong)
            .from(&address(100 + number));
        attack.site.guess_wrong(&door, 5);
    }
    let from_home = login("alice").code(&attack.wrong);
    assert_eq!(
        attack.site.verdict(&from_home),
        "WRONG",
        "it is judged still"
    );
    attack.site.pass(1);
    assert_eq!(attack.good_from(HOME), "LOCKED", "it is like any other");
}

/// Eight addresses are kept; names and this machine take none of the places.
#[test]
fn eight_known_addresses_are_kept_and_a_name_never_becomes_one() {
    let mut attack = UnderAttack::from(0);
    let homes: Vec<String> = (0..9)
        .map(|number| format!("198.51.100.{}", 100 + number))
        .collect();
    for home in &homes {
        assert_eq!(attack.good_from(home), "ACCEPTED");
    }
    for other in ["gateway.example.org", ""] {
        assert_eq!(attack.good_from(other), "ACCEPTED");
    }
    assert_eq!(attack.site.number("SELECT count(*) FROM known_sources"), 8);
    for number in 0..20 {
        let door = login("alice").code(&attack.wrong).from(&address(number));
        attack.wrong = wrong_code(&[&attack.phone], 6, attack.site.now());
        attack.site.guess_wrong(&door, 5);
    }
    // The first of the nine, and the one before them, had to go.
    for (source, verdict) in [
        (HOME, "LOCKED"),
        (&homes[0], "LOCKED"),
        ("gateway.example.org", "LOCKED"),
        (&homes[1], "ACCEPTED"),
        (&homes[8], "ACCEPTED"),
        ("", "ACCEPTED"),
    ] {
        assert_eq!(attack.good_from(source), verdict, "{source:?}");
    }
}
