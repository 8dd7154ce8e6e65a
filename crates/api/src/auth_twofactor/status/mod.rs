//! `auth.twofactor.status`: all that an administrator should look at, in one answer of bounded size.

mod clocks;
mod report;
mod warnings;

use std::collections::HashSet;

use super::people::{self, Login};
use crate::CallError;
use crate::access::{Proof, Right};
use crate::method::{Declared, Reading, Slow, Stage, Writing};
use crate::params::fields;
use report::{Clock, Report};
use warnings::Facts;

/// How many accounts without a device are named.
const MOST_UNENROLLED: usize = 50;

fields! {
    /// Shows what an administrator should look at: who has a device and who has none, what is locked,
    /// what permits to log in without a code, and what is not as it should be.
    ///
    /// Accounts with a login shell are those of /etc/passwd; a directory (LDAP, AD) is not asked for
    /// all it has. The lists are cut: the counts are not.
    pub(crate) struct GetStatus {}
}

/// What was read before the work.
pub(crate) struct Job {
    report: Report,
    facts: Facts,
    enrolled: HashSet<u32>,
}

impl Declared for GetStatus {
    const NAME: &'static str = "auth.twofactor.status";
    const RIGHT: Right = Right::Administrator(Proof::Session);
    const OFFLINE: bool = true;
    type Output = Report;
}

impl Slow for GetStatus {
    type Job = Box<Job>;
    type Found = Report;

    /// Everything that is stored, of one moment.
    fn prepare(&self, read: &Reading<'_>) -> Result<Stage<Box<Job>, Report>, CallError> {
        let report = Report::stored(read)?;
        Ok(Stage::Work(Box::new(Job {
            facts: Facts::stored(read, &report)?,
            enrolled: read.tx.enrolled_uids()?.into_iter().collect(),
            report,
        })))
    }

    /// What only the machine can say: who may log in, and how the clock is.
    fn work(job: Box<Job>) -> Result<Stage<Box<Job>, Report>, CallError> {
        let Job {
            mut report,
            mut facts,
            enrolled,
        } = *job;
        let logins = people::logins();
        if let Some(logins) = &logins {
            let without = |login: &&Login| !enrolled.contains(&login.uid);
            let names = logins
                .iter()
                .filter(without)
                .map(|login| login.name.clone());
            report.set_unenrolled(names.collect(), MOST_UNENROLLED);
        }
        facts.unenrolled = report.unenrolled_count;
        report.clock = Clock::now(report.clock.synchronised);
        report.warnings = facts.warnings();
        Ok(Stage::Ready(report))
    }

    /// It is told also while nothing can be written.
    fn unwritten(&self, report: &Report) -> Option<Report> {
        Some(report.clone())
    }

    fn finish(&self, report: &Report, _: &mut Writing<'_, '_>) -> Result<Report, CallError> {
        Ok(report.clone())
    }
}
