//! What happens in a case, and how clocks jump.

use proptest::prelude::*;

use super::DAY;

/// Where logins come from: an address that is known soon, another one, and this machine itself.
pub(super) const SOURCES: [&str; 3] = ["192.0.2.1", "198.51.100.9", ""];

#[derive(Clone, Copy, Debug)]
pub(super) enum Happens {
    /// Time passes, on all clocks.
    Passes(u64),
    Jumps(Jump),
    /// The daemon ends and begins.
    Restarts,
    /// The machine does.
    Reboots,
    /// Somebody types at a door, from one of [`SOURCES`].
    Types(usize, Typed),
    /// Somebody types wrong codes, and waits for as long as is said.
    WaitsOut(usize),
    /// Somebody who sets the clock has seen a code that was accepted.
    Replays(usize),
    /// Wrong codes, each from another new address.
    Strangers {
        first: usize,
        count: usize,
    },
    /// Root does, while something keeps the clock, right or wrong, or nothing does.
    Unlocks {
        is_synchronised: bool,
    },
    IsGivenBypass {
        minutes: u64,
        uses: u32,
    },
    IsGivenExemption {
        days: u64,
        is_for_key: bool,
    },
    IsGivenGrace {
        days: u64,
    },
    IsInvited {
        hours: u64,
    },
    /// Somebody types one of the newest invites, used or not.
    UsesInvite(usize),
    Confirms,
    /// Whoever has a bypass, an exemption or grace logs in.
    LogsIn,
    /// Something that the account is told at its next login.
    IsNoticed,
    Tries {
        secs: u64,
    },
    IsReported,
    IsLookedAfter,
    /// Somebody looks at everything.
    Looks,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Typed {
    /// What the phone shows, whose clock is this machine's.
    Fresh,
    /// A code that was accepted before.
    Used(usize),
    Wrong,
    /// What a phone shows whose clock is off.
    Off(i64),
    /// One of the recovery codes, used or not.
    Recovery(usize),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Jump {
    By(i64),
    To(u64),
    /// The clock is set right.
    Right,
}

/// One thing after the other; some do harm only together.
pub(super) fn events() -> impl Strategy<Value = Vec<Happens>> {
    let event = prop_oneof![
        14 => happens().prop_map(|event| vec![event]),
        1 => siege(),
    ];
    prop::collection::vec(event, 1..50).prop_map(|events| events.concat())
}

/// Guesses from everywhere, while somebody sets the clock.
fn siege() -> impl Strategy<Value = Vec<Happens>> {
    let wave = || {
        (0_usize..500, 2_usize..12).prop_map(|(first, count)| Happens::Strangers { first, count })
    };
    let jump = || jump().prop_map(Happens::Jumps);
    let right = Just(Happens::Jumps(Jump::Right));
    (wave(), jump(), wave(), right, wave())
        .prop_map(|(first, away, then, back, last)| vec![first, away, then, back, last])
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        7 => passes().prop_map(Happens::Passes),
        6 => jump().prop_map(Happens::Jumps),
        1 => Just(Happens::Restarts),
        1 => Just(Happens::Reboots),
        12 => (0..SOURCES.len(), typed()).prop_map(|(from, typed)| Happens::Types(from, typed)),
        2 => (0..SOURCES.len()).prop_map(Happens::WaitsOut),
        3 => (0_usize..3).prop_map(Happens::Replays),
        2 => any::<bool>().prop_map(|is_synchronised| Happens::Unlocks { is_synchronised }),
        2 => (minutes(), 1_u32..4).prop_map(|(minutes, uses)| Happens::IsGivenBypass { minutes, uses }),
        2 => (1_u64..40, any::<bool>()).prop_map(|(days, is_for_key)| Happens::IsGivenExemption { days, is_for_key }),
        1 => (1_u64..40).prop_map(|days| Happens::IsGivenGrace { days }),
        2 => (1_u64..168).prop_map(|hours| Happens::IsInvited { hours }),
        3 => (0_usize..3).prop_map(Happens::UsesInvite),
        2 => Just(Happens::Confirms),
        5 => Just(Happens::LogsIn),
        1 => Just(Happens::IsNoticed),
        1 => (60_u64..600).prop_map(|secs| Happens::Tries { secs }),
        1 => Just(Happens::IsReported),
        1 => Just(Happens::IsLookedAfter),
        1 => Just(Happens::Looks),
    ]
}

fn passes() -> impl Strategy<Value = u64> {
    prop_oneof![
        5 => 1_u64..70,
        3 => 70_u64..4000,
        1 => 4000..3 * DAY,
        1 => 3 * DAY..40 * DAY,
    ]
}

/// Mostly so few that they end within a case.
fn minutes() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 1_u64..20, 1 => 20_u64..1440]
}

fn typed() -> impl Strategy<Value = Typed> {
    prop_oneof![
        6 => Just(Typed::Fresh),
        5 => (0_usize..20).prop_map(Typed::Used),
        6 => Just(Typed::Wrong),
        1 => prop_oneof![-500_i64..-200, 200_i64..500].prop_map(Typed::Off),
        2 => (0_usize..2).prop_map(Typed::Recovery),
    ]
}

/// Minutes, days, years; 1970, a clock that overflows 32 bits, the last that the kernel takes; and right
/// again.
fn jump() -> impl Strategy<Value = Jump> {
    let years = 40 * 365 * DAY.cast_signed();
    let day = DAY.cast_signed();
    prop_oneof![
        3 => (-300_i64..300).prop_map(Jump::By),
        2 => (-7200_i64..7200).prop_map(Jump::By),
        2 => (-40 * day..40 * day).prop_map(Jump::By),
        1 => (-years..years).prop_map(Jump::By),
        1 => (0_u64..100_000).prop_map(Jump::To),
        1 => prop::sample::select(vec![i32::MAX as u64, u64::from(u32::MAX), 8_277_292_036]).prop_map(Jump::To),
        4 => Just(Jump::Right),
    ]
}
