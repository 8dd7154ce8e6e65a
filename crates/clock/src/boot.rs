//! The time since boot, which nobody can set, and which boot it was.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use twofactor::{Boot, BootId};

/// random(4): a random UUID for each boot.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The time since boot. The time asleep counts (`CLOCK_BOOTTIME`).
///
/// What lasts until a point of this time ends early rather than late: where the kernel does not say
/// which boot it is, each process takes a boot of its own, and where it does not say how long ago
/// that was, everything is over.
#[must_use]
pub fn boot() -> Boot {
    static ID: LazyLock<BootId> = LazyLock::new(|| {
        let read = fs::read_to_string(BOOT_ID).ok();
        read.and_then(|text| parse(&text)).unwrap_or_else(unknown)
    });
    Boot {
        id: *ID,
        secs: since_boot().as_secs(),
    }
}

/// The time since boot, to the nanosecond; the end of time where the kernel does not say.
#[must_use]
pub fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::MAX, Duration::from)
}

/// The 16 bytes of a UUID as text.
fn parse(text: &str) -> Option<BootId> {
    let hex = text.trim().replace('-', "");
    if hex.len() != 32 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(&hex, 16)
        .ok()
        .map(|bits| BootId(bits.to_be_bytes()))
}

/// The keys of this hasher are random, and others in each process.
fn unknown() -> BootId {
    let half = || u128::from(RandomState::new().hash_one(BOOT_ID));
    BootId((half() << 64 | half()).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_this_boot_and_goes_on() {
        let id = fs::read_to_string(BOOT_ID).unwrap();
        let (first, second) = (boot(), boot());
        assert_eq!(Some(first.id), parse(&id));
        assert_eq!(first.id, second.id);
        let uptime = fs::read_to_string("/proc/uptime").unwrap();
        let uptime: u64 = uptime.split('.').next().unwrap().parse().unwrap();
        // A container may have an offset, time_namespaces(7); uptime has the same.
        assert!(first.secs <= second.secs && second.secs <= uptime + 1);
        assert!(first.secs + 60 > uptime, "{} {uptime}", first.secs);
    }

    #[test]
    fn only_a_uuid_is_an_id() {
        let bytes = [
            0xa1, 0xb2, 0xc3, 0xd4, 0, 1, 0x40, 2, 0x80, 3, 0, 0, 0, 0, 0, 4,
        ];
        let text = "a1b2c3d4-0001-4002-8003-000000000004\n";
        assert_eq!(parse(text), Some(BootId(bytes)));
        for text in [
            "",
            "0",
            "+1b2c3d4-0001-4002-8003-000000000004",
            "a1b2c3d4-0001-4002-8003-00000000000",
            "g1b2c3d4-0001-4002-8003-000000000004",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_unknown_boot_is_no_other() {
        let ids = [unknown(), unknown(), boot().id, BootId([0; 16])];
        for (at, id) in ids.iter().enumerate() {
            let same = ids.iter().filter(|other| *other == id).count();
            assert_eq!(same, 1, "{at}");
        }
    }
}
