//! Who is signed in, or on the way: a bounded table from cookies to connections of the daemon.
//!
//! A session is nothing but such a connection: what it may do is the daemon's affair, and it ends with it.
//! Cookies are kept hashed, so that looking one up tells nothing of the others.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ring::digest::{SHA256, digest};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::daemon::Daemon;
use crate::pages::Shown;
use crate::random;

/// How many there are at most.
const MOST: usize = 4096;

/// A session ends when no page was asked for in so long, and after so long in any case: the daemon's own
/// numbers, so that neither waits for the other.
const IDLE: Duration = Duration::from_mins(30);
const LONGEST: Duration = Duration::from_hours(12);

/// How long a code may be on its way after the password.
const PENDING: Duration = Duration::from_mins(5);

/// One browser's session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) username: String,
    pub(crate) stage: Stage,
    pub(crate) daemon: Daemon,
    /// What the next page shows, once or until it is confirmed.
    pub(crate) shown: Mutex<Shown>,
    /// Its events are asked for already.
    follows: AtomicBool,
    began: Instant,
    used: Mutex<Instant>,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The password was right, and a code is asked for.
    Code,
    /// The daemon lets this person in.
    SignedIn { is_administrator: bool },
}

impl Session {
    pub(crate) fn new(username: String, stage: Stage, daemon: Daemon) -> Self {
        let now = Instant::now();
        Self {
            username,
            stage,
            daemon,
            shown: Mutex::default(),
            follows: AtomicBool::new(false),
            began: now,
            used: Mutex::new(now),
        }
    }

    /// Whether the menu shows what is for administrators. What they may do the daemon decides.
    pub(crate) fn is_administrator(&self) -> bool {
        matches!(
            self.stage,
            Stage::SignedIn {
                is_administrator: true
            }
        )
    }

    /// What is kept for the next page.
    pub(crate) fn shown(&self) -> MutexGuard<'_, Shown> {
        lock(&self.shown)
    }

    /// Whether events have to be asked for: once a session.
    pub(crate) fn follow(&self) -> bool {
        !self.follows.swap(true, Ordering::Relaxed)
    }

    fn is_over(&self, now: Instant) -> bool {
        let idle = now.duration_since(*lock(&self.used));
        let (most_idle, longest) = match self.stage {
            Stage::Code => (PENDING, PENDING),
            Stage::SignedIn { .. } => (IDLE, LONGEST),
        };
        idle >= most_idle || now.duration_since(self.began) >= longest || !self.daemon.is_alive()
    }
}

type Key = [u8; 32];

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<Key, Arc<Session>>>);

impl Sessions {
    /// Takes a session in. Its cookie, which is always a new one: a cookie that somebody planted in a
    /// browser never gets anybody's rights.
    ///
    /// # Errors
    /// The kernel gives no random bytes.
    pub(crate) fn insert(&self, session: Session) -> anyhow::Result<Zeroizing<String>> {
        let cookie = random::text()?;
        let mut sessions = lock(&self.0);
        if sessions.len() >= MOST {
            make_room(&mut sessions);
        }
        sessions.insert(key(&cookie), Arc::new(session));
        Ok(cookie)
    }

    /// The session of a cookie. It counts as used.
    pub(crate) fn find(&self, cookie: &str) -> Option<Arc<Session>> {
        let mut sessions = lock(&self.0);
        let key = key(cookie);
        let session = Arc::clone(sessions.get(&key)?);
        let now = Instant::now();
        if session.is_over(now) {
            sessions.remove(&key);
            return None;
        }
        *lock(&session.used) = now;
        Some(session)
    }

    /// Ends a session.
    pub(crate) fn remove(&self, cookie: &str) -> Option<Arc<Session>> {
        lock(&self.0).remove(&key(cookie))
    }

    /// Forgets those that are over, so that nothing of them stays in memory.
    pub(crate) async fn sweep(&self) {
        loop {
            tokio::time::sleep(Duration::from_secs(15)).await;
            let now = Instant::now();
            lock(&self.0).retain(|_, session| !session.is_over(now));
        }
    }
}

/// The one that was used longest ago goes, and whoever has not proven a code before all others.
fn make_room(sessions: &mut HashMap<Key, Arc<Session>>) {
    let rank = |session: &Session| (session.stage != Stage::Code, *lock(&session.used));
    let oldest = sessions.iter().min_by_key(|(_, session)| rank(session));
    if let Some(key) = oldest.map(|(key, _)| *key) {
        sessions.remove(&key);
    }
}

fn key(cookie: &str) -> Key {
    let mut key = [0; 32];
    key.copy_from_slice(digest(&SHA256, cookie.as_bytes()).as_ref());
    key
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
