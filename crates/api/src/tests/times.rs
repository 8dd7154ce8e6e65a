//! Clocks that jump, over every time that is stored: nothing reopens, nothing lasts longer than it was given
//! for, no wait is without an end or a word about it, and once the clock is right an unlock ends the rest.

mod columns;
mod happens;
mod permits;
mod waits;
mod world;

use proptest::prelude::*;

use self::happens::{Happens, Jump, SOURCES, Typed, events};
use self::permits::Permits;
use self::world::{START, World};
use super::doors::{BIN, DAEMON};
use super::*;

const DAY: u64 = 86_400;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_clocks_do_promises_are_kept(events in events()) {
        let mut world = World::new();
        for event in events {
            world = world.happens(event);
        }
        world.check_audit();
        world.recover();
    }
}
