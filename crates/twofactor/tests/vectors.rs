//! The test vectors of the RFCs, checked through the only door there is: a device that verifies.
#![expect(clippy::unwrap_used, reason = "a test may panic; its helpers too")]

use twofactor::{Algorithm, Device, Digits, Secret, TimeStep, UnixTime, Verdict, Window};

/// RFC 4226 appendix D: the codes of the counters 0 to 9.
const HOTP: [&str; 10] = [
    "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
    "520489",
];

/// RFC 6238 appendix B: time, counter, and the codes with SHA-1, SHA-256 and SHA-512.
const TOTP: [(u64, u64, [&str; 3]); 6] = [
    (59, 0x1, ["94287082", "46119246", "90693936"]),
    (
        1_111_111_109,
        0x0235_23EC,
        ["07081804", "68084774", "25091201"],
    ),
    (
        1_111_111_111,
        0x0235_23ED,
        ["14050471", "67062674", "99943326"],
    ),
    (
        1_234_567_890,
        0x0273_EF07,
        ["89005924", "91819424", "93441116"],
    ),
    (
        2_000_000_000,
        0x03F9_40AA,
        ["69279037", "90698825", "38618901"],
    ),
    (
        20_000_000_000,
        0x27BC_86AA,
        ["65353130", "77737706", "47863826"],
    ),
];

/// The secrets behind them: as long as the hash, as the program of appendix A has them. The text of
/// appendix B names only the first.
const SECRETS: [(Algorithm, &[u8]); 3] = [
    (Algorithm::Sha1, b"12345678901234567890"),
    (Algorithm::Sha256, b"12345678901234567890123456789012"),
    (
        Algorithm::Sha512,
        b"1234567890123456789012345678901234567890123456789012345678901234",
    ),
];

/// Codes of oathtool 2.6.7, for what the RFCs leave out: secrets of 80 bits and of 64 bytes, 7
/// digits, other steps, and codes that begin with zeros.
const OATHTOOL: [(&str, Algorithm, u32, u64, &str); 12] = [
    (S10, Algorithm::Sha1, 5, 1_789_000_007, "651360"),
    (S10, Algorithm::Sha1, 30, 1_789_000_007, "3528077"),
    (S10, Algorithm::Sha1, 45, 1_789_000_007, "23055148"),
    (S10, Algorithm::Sha1, 30, 1_789_002_790, "000724"),
    (S10, Algorithm::Sha1, 30, 1_789_004_920, "000429"),
    (S20, Algorithm::Sha1, 3600, 1_789_000_007, "4456562"),
    (S20, Algorithm::Sha256, 5, 1_789_000_007, "018254"),
    (S20, Algorithm::Sha256, 60, 1_789_000_007, "417253"),
    (S20, Algorithm::Sha512, 45, 1_789_000_007, "49061015"),
    (S64, Algorithm::Sha1, 60, 1_789_000_007, "215845"),
    (S64, Algorithm::Sha256, 30, 1_789_000_007, "4292011"),
    (S64, Algorithm::Sha512, 3600, 1_789_000_007, "9684811"),
];
const S10: &str = "GAYTEMZUGU3DOOBZ";
const S20: &str = "AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT";
const S64: &str = "AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQTCQKRMFYYDENBWHA5DYPSAIJCEMSCKJRHFAUSUKZM\
                   FUXC6MBRGIZTINJWG44DSOR3HQ6T4PY";

fn check(algorithm: Algorithm, secret: &[u8], time: u64, code: &str, counter: u64) {
    let fresh = Device {
        secret: Secret::from_bytes(secret).unwrap(),
        algorithm,
        digits: Digits::new(u8::try_from(code.len()).unwrap()).unwrap(),
        step: TimeStep::default(),
        floor: UnixTime::EPOCH,
    };
    let context = format!("{algorithm:?} at {time}");
    let now = UnixTime::from_secs(time);
    let none = Window::default();

    let mut device = fresh.clone();
    assert_eq!(
        device.verify(code, now, none),
        Verdict::Accepted { counter },
        "{context}"
    );
    assert_eq!(
        device.verify(code, now, none),
        Verdict::Replayed,
        "{context}"
    );

    let next_step = UnixTime::from_secs(time + 30);
    assert_eq!(
        fresh.clone().verify(code, next_step, none),
        Verdict::Wrong,
        "{context}"
    );
}

#[test]
fn rfc_4226_appendix_d() {
    for (counter, code) in (0..).zip(HOTP) {
        check(
            Algorithm::Sha1,
            b"12345678901234567890",
            counter * 30,
            code,
            counter,
        );
    }
}

#[test]
fn rfc_6238_appendix_b() {
    for (time, counter, codes) in TOTP {
        for ((algorithm, secret), code) in SECRETS.into_iter().zip(codes) {
            check(algorithm, secret, time, code, counter);
        }
    }
}

#[test]
fn oathtool() {
    for (secret, algorithm, step, time, code) in OATHTOOL {
        let mut device = Device {
            secret: Secret::from_base32(secret).unwrap(),
            algorithm,
            digits: Digits::new(u8::try_from(code.len()).unwrap()).unwrap(),
            step: TimeStep::from_secs(step).unwrap(),
            floor: UnixTime::EPOCH,
        };
        let verdict = device.verify(code, UnixTime::from_secs(time), Window::default());
        let counter = time / u64::from(step);
        assert_eq!(
            verdict,
            Verdict::Accepted { counter },
            "{algorithm:?} every {step} s: {code}"
        );
    }
}
