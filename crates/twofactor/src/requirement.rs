//! Whether a code is asked for at all.

use crate::{Policy, SecurityKeys, Unenrolled, UnixTime};

/// Whether an account is the one that the state knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The state knows it by this uid and this name.
    Known,
    /// The state knows neither the uid nor the name.
    Unknown,
    /// The state knows one of them together with another: a second name for a uid, or a name that
    /// was deleted and made again. Neither inherits anything.
    Mismatch,
}

/// All that decides whether a code is asked for. No secret is needed for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent fact, and all are named where a Standing is made"
)]
pub struct Standing {
    /// The second factor is on for this service.
    pub is_asked: bool,
    /// A password or key was proven.
    pub is_proven: bool,
    /// Whether the account is the one that the state knows.
    pub identity: Identity,
    /// The latest end of its exemptions.
    pub exempt_until: Option<UnixTime>,
    /// It, or everybody, has a valid bypass.
    pub bypass: bool,
    /// What was proven is a key in hardware, to sshd.
    pub has_security_key: bool,
    /// It has an active device.
    pub has_active_device: bool,
    /// The end of its grace.
    pub grace_until: Option<UnixTime>,
}

/// What a door has to do.
#[must_use = "a requirement that nobody looks at protects nothing"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// Let in without a code.
    NotRequired(Reason),
    /// Let in without a code until this date.
    Exempt {
        /// The first second at which a code is needed again.
        until: UnixTime,
    },
    /// Let in without a code, and count a use of the bypass.
    Bypassed,
    /// Ask for a code.
    Code,
    /// Refuse: there is no device whose code could be asked for.
    NotEnrolled,
}

/// Why no code is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The second factor is off for this service.
    Off,
    /// The account has time to set up a device.
    Grace {
        /// The first second at which it is over.
        until: UnixTime,
    },
    /// The policy lets accounts without a device in.
    Allowed,
    /// The policy takes the key that was proven for both factors.
    SecurityKey,
}

impl Standing {
    /// What a door has to do.
    ///
    /// `today` is the later of the wall clock and the latest time that was ever seen, so that a
    /// date that permits does not come back with a clock that is set back.
    ///
    /// Until the first factor is proven the answer is the same for every account: a code. Nothing
    /// about an account shows before, and nothing that permits is of use to a stranger.
    pub fn requirement(&self, policy: &Policy, today: UnixTime) -> Requirement {
        if !self.is_asked {
            return Requirement::NotRequired(Reason::Off);
        }
        if !self.is_proven {
            return Requirement::Code;
        }
        if self.identity == Identity::Mismatch {
            return Requirement::NotEnrolled;
        }
        let still = |until: &UnixTime| today < *until;
        if let Some(until) = self.exempt_until.filter(still) {
            return Requirement::Exempt { until };
        }
        if self.has_security_key && policy.security_keys == SecurityKeys::BothFactors {
            return Requirement::NotRequired(Reason::SecurityKey);
        }
        if !self.has_active_device {
            if let Some(until) = self.grace_until.filter(still) {
                return Requirement::NotRequired(Reason::Grace { until });
            }
            if policy.unenrolled == Unenrolled::Allow {
                return Requirement::NotRequired(Reason::Allowed);
            }
        }
        // Last of what permits: it is used up by it.
        match (self.bypass, self.has_active_device) {
            (true, _) => Requirement::Bypassed,
            (false, true) => Requirement::Code,
            (false, false) => Requirement::NotEnrolled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Identity, Reason, Requirement, Standing};
    use crate::{Policy, SecurityKeys, Unenrolled, UnixTime};

    const NOON: u64 = 1_789_000_020;
    const TODAY: UnixTime = UnixTime::from_secs(NOON);
    const OVER: Option<UnixTime> = Some(TODAY);
    const NEXT: UnixTime = UnixTime::from_secs(NOON + 1);
    const STILL: Option<UnixTime> = Some(NEXT);

    const ALLOW: Policy = Policy {
        unenrolled: Unenrolled::Allow,
        ..Policy::DEFAULT
    };

    const BOTH_FACTORS: Policy = Policy {
        security_keys: SecurityKeys::BothFactors,
        ..Policy::DEFAULT
    };

    const POLICIES: [Policy; 3] = [Policy::DEFAULT, ALLOW, BOTH_FACTORS];

    /// Proven, known, and with nothing that permits.
    const PLAIN: Standing = Standing {
        is_asked: true,
        is_proven: true,
        identity: Identity::Known,
        exempt_until: None,
        bypass: false,
        has_security_key: false,
        has_active_device: false,
        grace_until: None,
    };

    /// With everything that permits.
    const FAVOURED: Standing = Standing {
        exempt_until: STILL,
        bypass: true,
        has_active_device: true,
        grace_until: STILL,
        ..PLAIN
    };

    /// Every standing there is, at one moment.
    fn all() -> Vec<Standing> {
        let mut all = Vec::new();
        for bits in 0..32_u8 {
            let bit = |place: u8| bits >> place & 1 == 1;
            for identity in [Identity::Known, Identity::Unknown, Identity::Mismatch] {
                for exempt_until in [None, OVER, STILL] {
                    for grace_until in [None, OVER, STILL] {
                        all.push(Standing {
                            is_asked: bit(0),
                            is_proven: bit(1),
                            bypass: bit(2),
                            has_active_device: bit(3),
                            has_security_key: bit(4),
                            identity,
                            exempt_until,
                            grace_until,
                        });
                    }
                }
            }
        }
        all
    }

    #[test]
    fn the_first_that_applies() {
        let cases = [
            ("nothing", PLAIN, Requirement::NotEnrolled),
            (
                "off",
                Standing {
                    is_asked: false,
                    is_proven: false,
                    ..PLAIN
                },
                Requirement::NotRequired(Reason::Off),
            ),
            ("exempt", FAVOURED, Requirement::Exempt { until: NEXT }),
            (
                "bypass",
                Standing {
                    exempt_until: OVER,
                    ..FAVOURED
                },
                Requirement::Bypassed,
            ),
            (
                "a device in grace",
                Standing {
                    exempt_until: None,
                    bypass: false,
                    ..FAVOURED
                },
                Requirement::Code,
            ),
            (
                "grace",
                Standing {
                    grace_until: STILL,
                    ..PLAIN
                },
                Requirement::NotRequired(Reason::Grace { until: NEXT }),
            ),
            (
                "grace that is over",
                Standing {
                    grace_until: OVER,
                    ..PLAIN
                },
                Requirement::NotEnrolled,
            ),
            (
                "never seen before",
                Standing {
                    identity: Identity::Unknown,
                    ..PLAIN
                },
                Requirement::NotEnrolled,
            ),
            (
                "another account's name",
                Standing {
                    identity: Identity::Mismatch,
                    ..FAVOURED
                },
                Requirement::NotEnrolled,
            ),
        ];
        for (what, standing, requirement) in cases {
            assert_eq!(
                standing.requirement(&Policy::DEFAULT, TODAY),
                requirement,
                "{what}"
            );
        }
        assert_eq!(
            PLAIN.requirement(&ALLOW, TODAY),
            Requirement::NotRequired(Reason::Allowed)
        );
    }

    /// A stranger learns nothing and is given nothing; a stolen key is not a proven password.
    #[test]
    fn before_the_first_factor_every_account_looks_alike() {
        for standing in all().iter().filter(|s| s.is_asked && !s.is_proven) {
            for policy in POLICIES {
                assert_eq!(
                    standing.requirement(&policy, TODAY),
                    Requirement::Code,
                    "{standing:?}"
                );
            }
        }
    }

    #[test]
    fn nobody_gets_in_without_a_reason() {
        for standing in all() {
            for policy in POLICIES {
                let is_permitted = match standing.requirement(&policy, TODAY) {
                    Requirement::NotRequired(Reason::Off) => !standing.is_asked,
                    Requirement::NotRequired(Reason::Grace { until }) => {
                        standing.grace_until == Some(until)
                            && TODAY < until
                            && !standing.has_active_device
                    }
                    Requirement::NotRequired(Reason::Allowed) => {
                        policy == ALLOW && !standing.has_active_device
                    }
                    Requirement::NotRequired(Reason::SecurityKey) => {
                        policy == BOTH_FACTORS && standing.has_security_key
                    }
                    Requirement::Exempt { until } => {
                        standing.exempt_until == Some(until) && TODAY < until
                    }
                    Requirement::Bypassed => standing.bypass,
                    Requirement::Code | Requirement::NotEnrolled => continue,
                };
                let is_this_account = standing.identity != Identity::Mismatch;
                let is_eligible = !standing.is_asked || standing.is_proven && is_this_account;
                assert!(is_permitted && is_eligible, "{standing:?}");
            }
        }
    }

    /// In `FreeIPA` an expired token fell back to the password alone.
    #[test]
    fn whoever_has_a_device_needs_it_or_a_permit() {
        for standing in all() {
            let has_permit = standing.exempt_until == STILL || standing.bypass;
            let must_type = standing.is_asked && standing.has_active_device && !has_permit;
            if must_type && standing.identity != Identity::Mismatch {
                for policy in [Policy::DEFAULT, ALLOW] {
                    assert_eq!(standing.requirement(&policy, TODAY), Requirement::Code);
                }
                let by_key = Requirement::NotRequired(Reason::SecurityKey);
                let expected = if standing.is_proven && standing.has_security_key {
                    by_key
                } else {
                    Requirement::Code
                };
                assert_eq!(standing.requirement(&BOTH_FACTORS, TODAY), expected);
            }
        }
    }

    /// One bypass for everybody was spent by accounts that grace or ALLOW would have let in anyway.
    #[test]
    fn a_bypass_is_used_only_where_nothing_else_permits() {
        for standing in all() {
            for policy in POLICIES {
                let without = Standing {
                    bypass: false,
                    ..standing
                };
                let is_needed = matches!(
                    without.requirement(&policy, TODAY),
                    Requirement::Code | Requirement::NotEnrolled
                );
                let is_used = standing.requirement(&policy, TODAY) == Requirement::Bypassed;
                assert!(is_needed || !is_used, "{standing:?}");
            }
        }
    }

    #[test]
    fn no_time_that_passes_gives_more() {
        let rank = |requirement| match requirement {
            Requirement::NotRequired(_) | Requirement::Exempt { .. } | Requirement::Bypassed => 0,
            Requirement::Code | Requirement::NotEnrolled => 1,
        };
        for standing in all() {
            for policy in POLICIES {
                let before = rank(standing.requirement(&policy, UnixTime::EPOCH));
                for later in [TODAY, NEXT, UnixTime::from_secs(u64::MAX)] {
                    assert!(
                        before <= rank(standing.requirement(&policy, later)),
                        "{standing:?}"
                    );
                }
            }
        }
    }
}
