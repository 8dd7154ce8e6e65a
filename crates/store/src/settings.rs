//! The one row of settings. Nothing in it is sealed, so recovery can read and change it without the
//! master key.

use rusqlite::params;
use twofactor::{Digits, Settings, TimeStep, Window};

use crate::rows::Query;
use crate::{ReadTx, StoreError, WriteTx};

pub(crate) const SETTINGS: Query = Query {
    record: "settings",
    sql: "SELECT enabled, ssh, window_steps, digits, step_secs FROM settings WHERE id = 1",
};

impl ReadTx<'_> {
    /// The settings that count now: those that are stored, under the trial that is on, under the
    /// override.
    ///
    /// # Errors
    /// They cannot be read, or hold what they never should.
    pub fn settings(&self) -> Result<Settings, StoreError> {
        let stored = self.stored_settings()?;
        let mut settings = self.tried()?.map_or(stored, |tried| tried.settings(stored));
        settings.enabled &= !self.is_off_by_override();
        Ok(settings)
    }

    /// The settings that count once no trial is on.
    ///
    /// # Errors
    /// They cannot be read, or hold what they never should.
    pub fn stored_settings(&self) -> Result<Settings, StoreError> {
        self.only(&SETTINGS, [], |row| {
            Ok(Settings {
                enabled: row.flag(0)?,
                ssh: row.flag(1)?,
                window: row.valid(Window::new(row.get(2)?))?,
                digits: row.valid(Digits::new(row.get(3)?))?,
                step: row.valid(TimeStep::from_secs(row.get(4)?))?,
            })
        })
    }
}

impl WriteTx<'_> {
    /// Replaces the stored settings.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn put_settings(&mut self, settings: &Settings) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE settings \
            SET ssh = ?1, window_steps = ?2, digits = ?3, step_secs = ?4 WHERE id = 1";
        // Apart, and only where it changes: to write that it is off ends what is tried of it.
        const ENABLED: &str = "UPDATE settings SET enabled = ?1 WHERE id = 1 AND enabled IS NOT ?1";
        let Settings {
            enabled,
            ssh,
            window,
            digits,
            step,
        } = settings;
        self.write(
            SQL,
            params![ssh, window.steps(), digits.get(), step.as_secs()],
        )?;
        self.write(ENABLED, [enabled]).map(drop)
    }
}
