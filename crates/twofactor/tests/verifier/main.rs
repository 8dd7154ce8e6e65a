//! The whole verifier against a slow, obvious model: whatever the clock, the administrator and the
//! people do, both give the same answers, and neither gives away more than was promised.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic; its helpers too"
)]

mod case;
mod model;
mod promises;
mod queue;
mod world;

use proptest::prelude::*;

use crate::case::{ADDRESSES, Action, Attempt, Case, address, case};
use crate::model::Model;
use crate::promises::Promises;
use crate::world::World;

/// How a door answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Let in without a code.
    NoCodeNeeded,
    /// Refused: the account has no device.
    NotEnrolled,
    /// Refused unjudged.
    Locked,
    /// Not a code at all.
    Malformed,
    /// A code of nobody.
    Wrong,
    /// A code that was used.
    Replayed,
    /// Let in with a code.
    Accepted,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn verifier_and_model_agree(case in case()) {
        play(&case)?;
    }
}

fn play(case: &Case) -> Result<(), TestCaseError> {
    let mut game = Game {
        world: World::new(case),
        model: Model::new(case),
        promises: Promises::new(case.policy.limits),
    };
    for action in &case.actions {
        game.promises.clock_reads(game.world.now());
        match action {
            Action::Restarts => game.world = game.world.restarted(),
            Action::Tries { attempt, times } => game.tries(attempt, *times)?,
            Action::Spreads { attempt, times } => {
                for number in 0..ADDRESSES {
                    let source = address(number);
                    game.tries(
                        &Attempt {
                            source,
                            ..attempt.clone()
                        },
                        *times,
                    )?;
                }
            }
            Action::Changes(change) => {
                game.world.change(change);
                game.model.change(change);
            }
        }
    }
    game.promises.check();
    Ok(())
}

struct Game {
    world: World,
    model: Model,
    promises: Promises,
}

impl Game {
    fn tries(&mut self, attempt: &Attempt, times: u32) -> Result<(), TestCaseError> {
        for _ in 0..times {
            let typed = self.world.typed(attempt);
            let is_in_good_standing = self.promises.is_in_good_standing(attempt);
            let expected = self.model.answer(attempt, &typed.text);
            let answer = self.world.answer(attempt, &typed.text);
            prop_assert_eq!(answer, expected, "{:?}", attempt);
            if is_in_good_standing {
                prop_assert_ne!(answer, Answer::Locked, "{:?}", attempt);
            }
            self.promises.saw(attempt, &typed, answer);
        }
        Ok(())
    }
}
