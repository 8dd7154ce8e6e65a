//! Provisioning URIs, compared byte for byte with those of pyotp.

use twofactor::{Algorithm, Device, Digits, ProvisioningUri, Secret, TimeStep, UnixTime};

const PYOTP: &str = include_str!("data/provisioning.tsv");

#[test]
fn as_pyotp_makes_them() {
    let rows: Vec<_> = PYOTP
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert!(rows.len() > 90, "the table is not read");
    for row in rows {
        let fields: Vec<_> = row.split('\t').collect();
        let [issuer, label, secret, algorithm, digits, period, expected] = fields[..] else {
            panic!("not seven fields: {row}");
        };
        let device = Device {
            secret: Secret::from_base32(secret).unwrap(),
            algorithm: Algorithm::parse(algorithm).unwrap(),
            digits: Digits::new(digits.parse().unwrap()).unwrap(),
            step: TimeStep::from_secs(period.parse().unwrap()).unwrap(),
            floor: UnixTime::EPOCH,
        };
        assert_eq!(
            ProvisioningUri::new(issuer, label, &device).as_str(),
            expected
        );
    }
}
