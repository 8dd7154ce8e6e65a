//! What a write may use, and what comes of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use store::{AuditEntry, Peer, StoreError, Subject, WriteTx};
use twofactor::{AccountName, Clocks, UnixTime};

use super::Answer;
use super::kinds::Identity;
use crate::CallError;
use crate::access::{self, Access, Change, SessionChange};
use crate::alert::Alert;
use crate::event::Event;

/// For whom a write is done.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The process that asked.
    pub peer: Peer,
    /// How this machine named itself then.
    pub identity: Arc<Identity>,
    /// What it may do.
    pub access: Access,
}

/// What a write may use.
pub(crate) struct Writing<'a, 'tx> {
    pub(crate) tx: &'a mut WriteTx<'tx>,
    caller: &'a Caller,
    method: &'static str,
    account: Option<AccountName>,
    effects: Effects,
}

/// What is to be told once the change is durable.
#[derive(Default)]
struct Effects {
    events: Vec<Event>,
    alerts: Vec<Alert>,
    outcome: Option<&'static str>,
    wake_in: Option<Duration>,
    session: Option<SessionChange>,
    aftermath: Option<Aftermath>,
    /// Also when the call fails.
    is_kept: bool,
    /// Whose account it acts on was held against the caller.
    is_settled: bool,
}

impl Writing<'_, '_> {
    /// How this machine names itself.
    pub(crate) fn identity(&self) -> &Identity {
        &self.caller.identity
    }

    /// Who calls, and what that permits.
    pub(crate) fn access(&self) -> &Access {
        &self.caller.access
    }

    /// Says whose account this acts on: one that is not the caller's own is refused to whoever is no
    /// administrator.
    pub(crate) fn act_on(&mut self, uid: u32) -> Result<(), CallError> {
        if !self.caller.access.permits(uid) {
            return Err(access::refused(access::OTHERS));
        }
        self.effects.is_settled = true;
        Ok(())
    }

    /// Does it, and undoes it: what it answers is what it would come to. Nobody is told, and nothing is
    /// written down.
    pub(crate) fn rehearse<T>(
        &mut self,
        rehearsal: impl FnOnce(&mut Writing<'_, '_>) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let (caller, method) = (self.caller, self.method);
        self.tx.rehearse(|tx| {
            rehearsal(&mut Writing {
                tx,
                caller,
                method,
                account: None,
                effects: Effects::default(),
            })
        })
    }

    /// Changes the session that this call came by, once that is durable.
    pub(crate) fn change_session(&mut self, change: Change) {
        self.effects.session = Some(SessionChange(change));
    }

    /// What the clocks say: all calls of a batch see the same.
    pub(crate) fn clocks(&self) -> &Clocks {
        self.tx.clocks()
    }

    /// The time by which dates that permit something are judged: a clock that was set back does not
    /// make them valid again.
    pub(crate) fn today(&self) -> Result<UnixTime, CallError> {
        Ok(self.tx.today()?)
    }

    /// What is audited from here on concerns this account.
    pub(crate) fn about(&mut self, account: &AccountName) {
        self.account = Some(account.clone());
    }

    /// Writes down who did this, and what came of it, in the same transaction.
    pub(crate) fn audit(&mut self, outcome: &'static str) -> Result<(), CallError> {
        let account = self.account.take();
        let is_web = !self.access().is_root();
        let source = is_web.then(|| self.access().source().to_string());
        let subject = Subject {
            account: account.as_ref().map(AccountName::as_str),
            service: is_web.then_some(access::SERVICE),
            source: source.as_deref(),
        };
        let subject = Some(subject).filter(|subject| *subject != Subject::default());
        let entry = self.entry(outcome, subject);
        self.tx.audit(&entry)?;
        self.account = account;
        Ok(())
    }

    /// Writes down what came of an attempt to pass a door.
    pub(crate) fn audit_login(
        &mut self,
        outcome: &'static str,
        subject: &Subject<'_>,
    ) -> Result<(), CallError> {
        let entry = self.entry(outcome, Some(*subject));
        Ok(self.tx.audit(&entry)?)
    }

    /// The same for what may come by the thousand: what is alike shares an entry for a minute.
    pub(crate) fn audit_often(
        &mut self,
        outcome: &'static str,
        subject: &Subject<'_>,
    ) -> Result<(), CallError> {
        let entry = self.entry(outcome, Some(*subject));
        Ok(self.tx.audit_coalesced(&entry)?)
    }

    /// Keeps what was written, such as a failure that counts, though the caller is answered with this
    /// error: `return Err(write.refuse(error))`.
    pub(crate) fn refuse(&mut self, error: CallError) -> CallError {
        self.effects.is_kept = true;
        error
    }

    fn entry<'s>(&mut self, outcome: &'static str, subject: Option<Subject<'s>>) -> AuditEntry<'s> {
        self.effects.outcome = Some(outcome);
        AuditEntry {
            peer: self.caller.peer,
            method: self.method,
            outcome,
            subject,
        }
    }

    /// Tells subscribers, once the change is durable.
    pub(crate) fn emit(&mut self, event: Event) {
        self.effects.events.push(event);
    }

    /// Has something looked at once the answer has gone out, if this is kept.
    pub(crate) fn follow_up(&mut self, aftermath: Aftermath) {
        self.effects.aftermath = Some(aftermath);
    }

    /// Has [`upkeep`](crate::upkeep) run after so many seconds of this boot, if this is kept.
    pub(crate) const fn wake_in(&mut self, secs: u64) {
        self.effects.wake_in = Some(Duration::from_secs(secs));
    }

    /// Tells subscribers and the journal of something that somebody should look at, once the change
    /// is durable; and, where it is of that kind, people at their next login.
    pub(crate) fn alert(&mut self, alert: Alert) -> Result<(), CallError> {
        self.emit(alert.event()?);
        if let Err(error) = self.note(&alert) {
            // It is no reason not to do what it tells of.
            tracing::warn!(%error, "nobody will be told of this at the next login");
        }
        self.effects.alerts.push(alert);
        Ok(())
    }
}

impl Writing<'_, '_> {
    fn note(&mut self, alert: &Alert) -> Result<(), StoreError> {
        let Some(audience) = alert.kind.told_at_login() else {
            return Ok(());
        };
        let uid = match &alert.account {
            Some(name) => self
                .tx
                .account_named(name)?
                .map(|record| record.account.uid),
            None => None,
        };
        (self.tx).put_notice(uid, audience, alert.kind.as_str(), &alert.message)
    }
}

/// The outcome of a write that is durable.
#[derive(Debug)]
pub struct Done {
    /// What is to be sent to the caller; an error where a refusal changed something.
    pub result: Answer,
    /// What subscribers are told.
    pub events: Vec<Event>,
    /// What the journal is told.
    pub alerts: Vec<Alert>,
    /// What the audit says, if this was worth an entry; for the log.
    pub outcome: Option<&'static str>,
    /// When something falls due by itself: [`upkeep`](crate::upkeep) is to be run then.
    pub wake_in: Option<Duration>,
    /// What is different in the session that the call came by: for [`Access::apply`].
    pub session: Option<SessionChange>,
    /// What is to be looked at after the answer, when there is time for it.
    pub aftermath: Option<Aftermath>,
}

/// Work that nobody waits for, and that nobody misses. It touches no state.
pub struct Aftermath(Box<dyn FnOnce() -> Option<WriteCall> + Send>);

impl Aftermath {
    pub(crate) fn new(run: impl FnOnce() -> Option<WriteCall> + Send + 'static) -> Self {
        Self(Box::new(run))
    }

    /// Does it. What comes of it is for the writer, if anything does.
    #[must_use]
    pub fn run(self) -> Option<WriteCall> {
        (self.0)()
    }
}

/// It holds what was typed.
impl fmt::Debug for Aftermath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aftermath(..)")
    }
}

/// A write whose params are valid; it waits for the writer.
pub struct WriteCall {
    pub(super) method: &'static str,
    pub(super) is_own: bool,
    pub(super) is_door: bool,
    pub(super) is_way_back: bool,
    pub(super) run: Box<RunWrite>,
}

type RunWrite = dyn Fn(&mut Writing<'_, '_>) -> Answer + Send;

impl WriteCall {
    /// What nobody asked for, and falls due by itself. It stands in the audit as this method.
    pub(crate) fn of_daemon<T: Serialize + 'static>(
        method: &'static str,
        run: impl Fn(&mut Writing<'_, '_>) -> Result<T, CallError> + Send + 'static,
    ) -> Self {
        Self {
            method,
            is_own: false,
            is_door: false,
            is_way_back: false,
            run: Box::new(move |write| run(write).and_then(|result| super::send(&result))),
        }
    }

    /// The method's name.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        self.method
    }

    /// Whether it asks for a verdict; else it is administration, which goes first.
    #[must_use]
    pub const fn is_door(&self) -> bool {
        self.is_door
    }

    /// Whether it may use the space that is kept for recovery.
    #[must_use]
    pub const fn is_way_back(&self) -> bool {
        self.is_way_back
    }

    /// Runs it as a part of a batch.
    ///
    /// # Errors
    /// The method refused, or the state could not be used. What it wrote must then be undone.
    pub fn run(&self, tx: &mut WriteTx<'_>, caller: &Caller) -> Result<Done, CallError> {
        let mut write = Writing {
            tx,
            caller,
            method: self.method,
            account: None,
            effects: Effects::default(),
        };
        let result = (self.run)(&mut write);
        let Effects {
            events,
            alerts,
            outcome,
            wake_in,
            session,
            aftermath,
            is_kept,
            is_settled,
        } = write.effects;
        // Deny by default: a method that forgets to say whose account it acts on acts on nobody's.
        if self.is_own && !is_settled && !caller.access.is_administrator() {
            return Err(match result {
                Err(error) => error,
                Ok(_) => access::refused(access::OTHERS),
            });
        }
        let result = match result {
            Err(error) if !is_kept => return Err(error),
            result => result,
        };
        Ok(Done {
            result,
            events,
            alerts,
            outcome,
            wake_in,
            session,
            aftermath,
        })
    }
}
