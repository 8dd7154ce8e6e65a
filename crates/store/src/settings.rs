//! The one row of settings. Nothing in it is sealed, so recovery can read and change it without the
//! master key.

use rusqlite::params;
use twofactor::{Digits, TimeStep, Window};

use crate::{ReadTx, StoreError, WriteTx};

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

impl ReadTx<'_> {
    /// The settings.
    ///
    /// # Errors
    /// They cannot be read, or hold what they never should.
    pub fn settings(&self) -> Result<Settings, StoreError> {
        const SQL: &str =
            "SELECT enabled, ssh, window_steps, digits, step_secs FROM settings WHERE id = 1";
        let (enabled, ssh, window, digits, step) =
            self.conn().prepare_cached(SQL)?.query_row([], |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                ))
            })?;
        let damaged = StoreError::Damaged { record: "settings" };
        let valid = || {
            let (window, digits) = (Window::new(window)?, Digits::new(digits)?);
            Some(Settings {
                enabled,
                ssh,
                window,
                digits,
                step: TimeStep::from_secs(step)?,
            })
        };
        valid().ok_or(damaged)
    }
}

impl WriteTx<'_> {
    /// Replaces the settings.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn put_settings(&mut self, settings: &Settings) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE settings \
            SET enabled = ?1, ssh = ?2, window_steps = ?3, digits = ?4, step_secs = ?5 WHERE id = 1";
        let Settings {
            enabled,
            ssh,
            window,
            digits,
            step,
        } = settings;
        self.write(
            SQL,
            params![enabled, ssh, window.steps(), digits.get(), step.as_secs()],
        )
    }
}
