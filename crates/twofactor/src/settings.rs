//! What governs the whole machine.

use crate::{Digits, TimeStep, Window};

/// What governs the whole machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether a second factor is asked for at all.
    pub enabled: bool,
    /// Whether sshd asks for it.
    pub ssh: bool,
    /// Steps accepted on each side of now.
    pub window: Window,
    /// Digits of the next device that the 22.12 API makes; a device has its own.
    pub digits: Digits,
    /// Time step of the next device that the 22.12 API makes; a device has its own.
    pub step: TimeStep,
}

impl Settings {
    /// The one service that has a switch of its own; every other asks when its stack names the module.
    pub const SSHD: &'static str = "sshd";

    /// Whether a service asks for a second factor.
    #[must_use]
    pub fn asks(&self, service: &str) -> bool {
        self.enabled && (self.ssh || service != Self::SSHD)
    }
}
