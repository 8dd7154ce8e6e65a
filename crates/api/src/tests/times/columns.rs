//! Which columns are times. One that is new has to be put here, and so into what happens to them.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::*;

/// Each time that is stored, and what is promised of it. What happens in the cases writes them all.
const TIMES: [(&str, &str); 34] = [
    ("account_levels.last", CLOSES),
    ("accounts.created", SHOWN),
    ("accounts.grace_until", PERMITS),
    ("accounts.last_login", SHOWN),
    ("audit.at", SHOWN),
    ("audit.minute", "counts together, and loses nothing"),
    ("bypasses.boot_until", DIES),
    ("bypasses.created", SHOWN),
    ("bypasses.until", PERMITS),
    ("devices.created", SHOWN),
    ("devices.floor", BURNS),
    ("devices.last_used", SHOWN),
    ("devices.pending_floor", BURNS),
    ("devices.pending_until", PERMITS),
    ("devices.skew_at", "a right code ends it"),
    ("devices.skew_counter", "a right code ends it"),
    ("exemptions.created", SHOWN),
    ("exemptions.key_until", PERMITS),
    ("exemptions.until", PERMITS),
    ("invites.created", SHOWN),
    ("invites.until", PERMITS),
    (
        "known_sources.last",
        "keeps open for 30 days, whatever strangers do",
    ),
    ("meta.behind", "is said once"),
    (
        "meta.latest",
        "goes back with an unlock alone, by a clock that is kept",
    ),
    ("notices.at", "is told once"),
    ("recovery_codes.used", BURNS),
    ("recovery_sets.created", SHOWN),
    ("recovery_sets.saved", SHOWN),
    ("source_levels.last", WAITS),
    (
        "sshd_report.at",
        "is warned of when it is old, or of a time to come",
    ),
    ("streaks.last", WAITS),
    ("trial.boot_until", DIES),
    ("trial.ended", SHOWN),
    ("trial.until", SHOWN),
];

const SHOWN: &str = "can be listed, and decides nothing";
const PERMITS: &str = "permits no longer than until the latest time seen has come to it";
const BURNS: &str = "what was used stays so";
const WAITS: &str = "never shortened by a clock set back, an hour at most";
const CLOSES: &str = "closes to strangers, and names the unlock";
const DIES: &str = "ends with the boot, or in it";

/// Columns with numbers that are no times.
const NUMBERS: [&str; 80] = [
    "account_levels.account",
    "account_levels.parts",
    "accounts.failures_since_login",
    "accounts.record_version",
    "accounts.uid",
    "audit.count",
    "audit.id",
    "audit.login_uid",
    "audit.pid",
    "audit.record_version",
    "audit.uid",
    "bypasses.id",
    "bypasses.record_version",
    "bypasses.uid",
    "bypasses.uses_left",
    "devices.digits",
    "devices.id",
    "devices.record_version",
    "devices.replaces",
    "devices.skew_agreed",
    "devices.skew_secs",
    "devices.step_secs",
    "devices.uid",
    "exemptions.id",
    "exemptions.record_version",
    "exemptions.uid",
    "invites.id",
    "invites.record_version",
    "invites.uid",
    "known_sources.uid",
    "notices.count",
    "notices.for_owner",
    "notices.for_root",
    "notices.id",
    "notices.record_version",
    "notices.uid",
    "policy.account_failures",
    "policy.account_forgets_per_day",
    "policy.bypass_minutes_max",
    "policy.bypass_uses_max",
    "policy.first_wait_secs",
    "policy.free_failures",
    "policy.grace_days",
    "policy.id",
    "policy.known_days",
    "policy.record_version",
    "policy.source_failures",
    "recovery_codes.position",
    "recovery_codes.set_id",
    "recovery_sets.id",
    "recovery_sets.record_version",
    "recovery_sets.uid",
    "settings.digits",
    "settings.enabled",
    "settings.id",
    "settings.record_version",
    "settings.ssh",
    "settings.step_secs",
    "settings.window_steps",
    "source_levels.kind",
    "source_levels.parts",
    "sshd_report.ready",
    "sshd_report.record_version",
    "sshd_report.slot",
    "streaks.account",
    "streaks.failures",
    "streaks.kind",
    "trial.account_failures",
    "trial.bypass_minutes_max",
    "trial.bypass_uses_max",
    "trial.enabled",
    "trial.first_wait_secs",
    "trial.free_failures",
    "trial.grace_days",
    "trial.id",
    "trial.record_version",
    "trial.slot",
    "trial.source_failures",
    "trial.ssh",
    "trial.window_steps",
];

fn open(machine: &Machine) -> Connection {
    Connection::open(machine.dir.path().join("state/middlewared.db")).unwrap()
}

/// Every column that may have a number.
fn numbers(conn: &Connection) -> BTreeSet<String> {
    const SQL: &str = "SELECT tables.name || '.' || columns.name FROM pragma_table_list AS tables, \
        pragma_table_info(tables.name) AS columns WHERE tables.type = 'table' \
        AND tables.name NOT LIKE 'sqlite_%' AND columns.type NOT IN ('TEXT', 'BLOB')";
    let mut all = conn.prepare(SQL).unwrap();
    let all = all.query_map([], |row| row.get(0)).unwrap();
    all.map(Result::unwrap).collect()
}

/// Whether a number can be a time about now: seconds, minutes, or steps of a code; or seconds of this boot.
fn is_moment(number: i64, now: u64, up: u64) -> bool {
    let is_near = |unit: u64| {
        let away = (now / unit).cast_signed() - number;
        away.unsigned_abs() < 400 * DAY / unit
    };
    [1, 30, 60].into_iter().any(is_near) || up.cast_signed().abs_diff(number) < DAY
}

/// The columns that have a time now.
fn moments(world: &World, columns: &BTreeSet<String>) -> BTreeSet<String> {
    let conn = open(&world.machine);
    let mut found = BTreeSet::new();
    for column in columns {
        let (table, name) = column.split_once('.').unwrap();
        let shown = if table == "meta" {
            "'meta.' || name"
        } else {
            "?1"
        };
        let sql = format!(
            "SELECT {shown}, {name} FROM {table} WHERE typeof({name}) = 'integer' AND ?1 IS NOT NULL"
        );
        let mut rows = conn.prepare(&sql).unwrap();
        let rows = rows.query_map([column], |row| Ok((row.get(0)?, row.get(1)?)));
        let (now, up) = (world.machine.now, world.machine.up.unwrap());
        found.extend(
            rows.unwrap()
                .map(Result::unwrap)
                .filter(|(_, number)| is_moment(*number, now, up))
                .map(|(column, _): (String, i64)| column),
        );
    }
    found
}

/// Everything that can happen, each in its way.
fn everything() -> Vec<Happens> {
    let types = |typed| Happens::Types(0, typed);
    vec![
        Happens::IsNoticed,
        types(Typed::Off(300)),
        types(Typed::Fresh),
        types(Typed::Wrong),
        types(Typed::Recovery(0)),
        Happens::Strangers { first: 0, count: 3 },
        Happens::IsGivenBypass {
            minutes: 60,
            uses: 2,
        },
        Happens::IsGivenExemption {
            days: 2,
            is_for_key: false,
        },
        Happens::IsGivenExemption {
            days: 2,
            is_for_key: true,
        },
        Happens::IsGivenGrace { days: 2 },
        Happens::IsInvited { hours: 5 },
        Happens::UsesInvite(0),
        Happens::IsInvited { hours: 5 },
        Happens::Tries { secs: 60 },
        Happens::Passes(61),
        Happens::IsLookedAfter,
        Happens::IsReported,
        Happens::Jumps(Jump::By(-3600)),
        Happens::LogsIn,
    ]
}

#[test]
fn every_time_that_is_stored_has_its_case() {
    let mut world = World::new();
    let columns = numbers(&open(&world.machine));
    let mut found = BTreeSet::new();
    for event in everything() {
        world = world.happens(event);
        found.extend(moments(&world, &columns));
    }
    // An unlock gives a pending device one.
    let floor = UnixTime::from_secs(START);
    world.machine.change(|tx| {
        let pending = tx.devices(BIN.1)?;
        tx.set_floor(pending[0].id, floor)
    });
    found.extend(moments(&world, &columns));
    let listed: BTreeSet<_> = TIMES
        .iter()
        .map(|(column, _)| (*column).to_owned())
        .collect();
    assert_eq!(
        found, listed,
        "a time without a case, or a case without a time"
    );
    let no_times: BTreeSet<_> = columns
        .iter()
        .filter(|column| !column.starts_with("meta.") && !listed.contains(*column))
        .map(String::as_str)
        .collect();
    assert_eq!(
        no_times,
        BTreeSet::from(NUMBERS),
        "is it a time? Then it needs a case"
    );
}
