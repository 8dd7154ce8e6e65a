//! What happens in a test case.

use proptest::prelude::*;
use twofactor::{Budget, Limits, Policy, Source, Unenrolled};

/// The start of a minute in 2026.
const NOON: u64 = 1_789_000_020;

/// How many accounts there are; one more name belongs to nobody.
pub(crate) const ACCOUNTS: usize = 3;

/// A test case: how it begins, and what happens then.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) start: u64,
    pub(crate) policy: Policy,
    pub(crate) actions: Vec<Action>,
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// The daemon stops and starts: what is not stored is gone.
    Restarts,
    /// Somebody tries to get in, several times at once.
    Tries {
        attempt: Attempt,
        times: u32,
    },
    /// The same from each of the addresses.
    Spreads {
        attempt: Attempt,
        times: u32,
    },
    Changes(Change),
}

/// What both the verifier and the model are told.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    ClockMoves(i64),
    WindowBecomes(u8),
    StepBecomes {
        account: usize,
        device: usize,
        step: u32,
    },
    /// A new device, pending.
    IsAdded {
        account: usize,
    },
    /// A new secret at once.
    IsRenewed {
        account: usize,
        device: usize,
    },
    IsRemoved {
        account: usize,
        device: usize,
    },
    GraceUntil {
        account: usize,
        days: u64,
    },
    ExemptUntil {
        account: usize,
        days: u64,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// From [`ACCOUNTS`] on it is nobody.
    pub(crate) account: usize,
    pub(crate) source: Source,
    pub(crate) is_proven: bool,
    pub(crate) types: Types,
}

impl Attempt {
    pub(crate) fn budget(&self) -> Budget {
        match self.types {
            Types::RecoveryCode(_) => Budget::Recovery,
            _ => Budget::Codes,
        }
    }
}

/// What somebody types.
#[derive(Clone, Debug)]
pub(crate) enum Types {
    /// A code of a device, so many steps from now.
    CodeOf {
        device: usize,
        steps: i64,
    },
    Guess(u32),
    /// One of the account's, or from 2 on one that it does not have.
    RecoveryCode(u8),
    Nonsense,
}

/// What was typed, and which code that is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Typed {
    pub(crate) text: String,
    /// The number of the secret, the time step and the counter.
    pub(crate) code: Option<(u8, u32, u64)>,
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let start = prop::sample::select(vec![200, NOON]);
    let actions = prop::collection::vec(action(), 1..90);
    (start, policy(), actions).prop_map(|(start, policy, actions)| Case {
        start,
        policy,
        actions,
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let strict = Limits {
        free_failures: 3,
        first_wait_secs: 100,
        source_failures: 7,
        account_failures: 20,
        account_forgets_per_day: 7,
        known_days: 3,
    };
    let limits = prop::sample::select(vec![Limits::DEFAULT, strict, strict]);
    let unenrolled = prop::sample::select(vec![Unenrolled::Deny, Unenrolled::Allow]);
    (limits, unenrolled).prop_map(|(limits, unenrolled)| Policy {
        unenrolled,
        limits: limits.validated().unwrap(),
        ..Policy::DEFAULT
    })
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        1 => Just(Action::Restarts),
        9 => (attempt(code()), 1_u32..3).prop_map(tries),
        6 => (attempt(wrong()), 1_u32..8).prop_map(tries),
        2 => (attempt(wrong()), 8_u32..30).prop_map(tries),
        1 => (attempt(wrong()), 1_u32..8).prop_map(|(attempt, times)| Action::Spreads { attempt, times }),
        1 => attempt(recovery()).prop_map(|attempt| Action::Tries { attempt, times: 2 }),
        8 => change().prop_map(Action::Changes),
    ]
}

fn tries((attempt, times): (Attempt, u32)) -> Action {
    Action::Tries { attempt, times }
}

fn attempt(types: impl Strategy<Value = Types>) -> impl Strategy<Value = Attempt> {
    let account = prop_oneof![3 => Just(0), 2 => 0..ACCOUNTS, 1 => 0..=ACCOUNTS];
    (account, source(), prop::bool::weighted(0.8), types).prop_map(
        |(account, source, is_proven, types)| Attempt {
            account,
            source,
            is_proven,
            types,
        },
    )
}

fn code() -> impl Strategy<Value = Types> {
    let device = prop_oneof![2 => Just(0_usize), 1 => 0_usize..4];
    (device, -2_i64..=2).prop_map(|(device, steps)| Types::CodeOf { device, steps })
}

fn wrong() -> impl Strategy<Value = Types> {
    prop_oneof![
        9 => (0_u32..1_000_000).prop_map(Types::Guess),
        1 => Just(Types::Nonsense),
        1 => Just(Types::RecoveryCode(9)),
    ]
}

fn recovery() -> impl Strategy<Value = Types> {
    (0_u8..4).prop_map(Types::RecoveryCode)
}

/// More of them than are kept as known.
pub(crate) const ADDRESSES: u8 = 12;

pub(crate) fn address(number: u8) -> Source {
    Source::parse(&format!("192.0.2.{number}"))
}

/// A few addresses often, all the others sometimes.
fn source() -> impl Strategy<Value = Source> {
    prop_oneof![
        6 => (0_u8..3).prop_map(address),
        4 => (0..ADDRESSES).prop_map(address),
        1 => Just(Source::parse("2001:db8:1:2::3")),
        1 => Just(Source::Local),
        1 => Just(Source::Unplaced),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let account = 0..ACCOUNTS;
    let device = 0_usize..4;
    let which = (account.clone(), device);
    prop_oneof![
        9 => clock().prop_map(Change::ClockMoves),
        1 => (0_u8..=2).prop_map(Change::WindowBecomes),
        2 => (which.clone(), prop::sample::select(vec![30, 60, 5, 3600]))
            .prop_map(|((account, device), step)| Change::StepBecomes { account, device, step }),
        1 => account.clone().prop_map(|account| Change::IsAdded { account }),
        1 => which.clone().prop_map(|(account, device)| Change::IsRenewed { account, device }),
        1 => which.prop_map(|(account, device)| Change::IsRemoved { account, device }),
        1 => (account.clone(), 0_u64..20)
            .prop_map(|(account, days)| Change::GraceUntil { account, days }),
        1 => (account, 0_u64..3)
            .prop_map(|(account, days)| Change::ExemptUntil { account, days }),
    ]
}

/// Seconds, hours, days, and a clock that is set wrong and right again.
fn clock() -> impl Strategy<Value = i64> {
    const DAY: i64 = 86_400;
    prop_oneof![
        4 => -60_i64..300,
        3 => 0_i64..7200,
        2 => -DAY..2 * DAY,
        1 => -100 * DAY..100 * DAY,
    ]
}
