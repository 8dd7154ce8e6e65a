//! Files that open, and all those that do not.

use super::*;

const PASSPHRASE: &str = "correct horse battery";
const RANDOM: [u8; RANDOM_BYTES] = [7; RANDOM_BYTES];
const CONTENTS: &[u8] = b"{\"a\":1}\n{\"b\":2}\n";

fn file() -> String {
    lock(PASSPHRASE, CONTENTS, &RANDOM).unwrap()
}

#[test]
fn what_was_locked_opens_with_its_passphrase_alone() {
    let file = file();
    assert_eq!(*open(PASSPHRASE, file.as_bytes()).unwrap(), CONTENTS);
    for other in ["correct horse batter", "correct horse battery ", ""] {
        assert_eq!(open(other, file.as_bytes()), Err(Error::Shut), "{other}");
    }
    let windows = file.replace('\n', "\r\n");
    assert_eq!(open(PASSPHRASE, windows.as_bytes()), Err(Error::Foreign));
}

/// The file says what it is, and has nothing of its contents.
#[test]
fn the_first_lines_are_for_people() {
    let file = file();
    let mut lines = file.lines();
    assert_eq!(
        lines.next(),
        Some("middlewared two-factor export 1; to open it: midclt 2fa restore FILE")
    );
    let second = lines.next().unwrap();
    let (numbers, salt) = second.split_once(" salt=").unwrap();
    assert_eq!(numbers, "argon2id m=65536 t=3 p=1");
    assert!(salt.starts_with(&"07".repeat(32)), "{salt}");
    assert!(lines.all(|line| line.len() <= COLUMNS));
    assert!(!file.contains("\"a\""));
}

/// Another implementation agrees (OpenSSL by `cryptography`): Argon2id(salt=b"A" * 32, length=32,
/// iterations=3, lanes=1, `memory_cost=65536`).
#[test]
fn the_key_is_argon2ids() {
    let head = Head::new(&[b'A'; RANDOM_BYTES]);
    let key = head.key(PASSPHRASE).unwrap();
    assert_eq!(data_encoding::HEXLOWER.encode(&*key), KEY);
}

const KEY: &str = "dc083a7f1a7949b5488bb5e60ff7594f7285c79d2d03a53674a03532716d94fc";

/// Every byte counts: one bit of it, and the file does not open.
#[test]
fn a_bit_that_is_not_as_it_was() {
    let file = file().into_bytes();
    let salt = file.windows(5).position(|word| word == b"salt=").unwrap();
    // A key takes its time: where one is made, a byte here and there has to do.
    let places = (0..salt).chain((salt..file.len()).step_by(41));
    for at in places {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(open(PASSPHRASE, &changed).is_err(), "byte {at}");
    }
}

#[test]
fn a_file_that_is_cut_off() {
    let file = file().into_bytes();
    let last = file.len() - 1;
    // Without the last line's end nothing is missing.
    assert_eq!(*open(PASSPHRASE, &file[..last]).unwrap(), CONTENTS);
    for (length, expected) in [
        (0, Error::Foreign),
        (30, Error::Foreign),
        (69, Error::Numbers),
        (180, Error::Numbers),
        (last - 5, Error::Shut),
        (last - 1, Error::Shut),
    ] {
        assert_eq!(open(PASSPHRASE, &file[..length]), Err(expected), "{length}");
    }
    let longer = [file.as_slice(), b"AAAA"].concat();
    assert_eq!(open(PASSPHRASE, &longer), Err(Error::Shut));
}

/// A hostile file takes neither all memory nor all time: it is refused before a key is made.
#[test]
fn numbers_out_of_bounds() {
    let file = file();
    for (ours, hostile) in [
        ("m=65536", "m=4294967295"),
        ("m=65536", "m=262145"),
        ("m=65536", "m=8"),
        ("m=65536", "m=065536"),
        ("m=65536", "m=99999999999999999999"),
        ("m=65536", "m=-1"),
        ("t=3", "t=11"),
        ("t=3", "t=0"),
        ("t=3", "t=4294967295"),
        ("p=1", "p=5"),
        ("p=1", "p=0"),
        ("p=1", "p=16777215"),
        ("argon2id", "argon2i"),
        ("argon2id", "scrypt"),
        (" nonce=", " nonce=00"),
        (" nonce=", " keyid=1 nonce="),
        ("t=3 p=1", "p=1 t=3"),
    ] {
        let hostile = file.replacen(ours, hostile, 1);
        assert_eq!(look(hostile.as_bytes()), Err(Error::Numbers), "{hostile}");
        assert_eq!(open(PASSPHRASE, hostile.as_bytes()), Err(Error::Numbers));
    }
    // Other numbers within the bounds are read, and are no way to open it.
    let other = file.replacen("t=3", "t=2", 1);
    assert_eq!(look(other.as_bytes()), Ok(()));
    assert_eq!(open(PASSPHRASE, other.as_bytes()), Err(Error::Shut));
}

#[test]
fn what_is_no_file_of_this_release() {
    let file = file();
    for (from, to, expected) in [
        ("export 1;", "export 2;", Error::Newer { version: 2 }),
        ("export 1;", "export 17,", Error::Newer { version: 17 }),
        ("export 1;", "export 0;", Error::Foreign),
        ("export 1;", "export 01;", Error::Foreign),
        ("export 1;", "export ;", Error::Foreign),
        ("export 1;", "export 1 ;", Error::Foreign),
        ("restore FILE", "restore", Error::Foreign),
        ("middlewared two", "something two", Error::Foreign),
    ] {
        let other = file.replacen(from, to, 1);
        assert_eq!(look(other.as_bytes()), Err(expected), "{to}");
    }
    for other in [&b""[..], b"\n", b"PK\x03\x04", &[0xff; 4096], b"-----BEGIN"] {
        assert_eq!(look(other), Err(Error::Foreign), "{other:?}");
    }
}

proptest::proptest! {
    /// Whatever the bytes are, it is an error and no panic.
    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        let _ = look(&bytes);
        let head = b"middlewared two-factor export 1; to open it: midclt 2fa restore FILE\nargon2id ";
        let _ = look(&[head.as_slice(), &bytes].concat());
    }
}
