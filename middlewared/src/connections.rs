//! The table of open connections: how many there may be, and which one goes when there are more.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

/// Places beyond the limit, for whoever comes to unlock a machine whose connections are all at work:
/// processes of root's that have no other.
const RESERVED: usize = 32;

/// The open connections of one socket.
pub(crate) struct Connections {
    most: usize,
    started: Instant,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    next_id: u64,
    open: HashMap<u64, Arc<Entry>>,
}

struct Entry {
    pid: i32,
    /// Milliseconds since the table was made.
    last_active: AtomicU64,
    /// Has a call in flight or a subscription.
    busy: AtomicBool,
    evicted: Notify,
}

impl Connections {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            started: Instant::now(),
            table: Mutex::default(),
        })
    }

    /// Makes room for a connection of `pid`. When all places are taken, the longest idle connection
    /// of the process that has most is closed; where every one is at work, there is room for root only,
    /// and once for each process.
    pub(crate) fn admit(self: &Arc<Self>, pid: i32, uid: u32) -> Option<Slot> {
        let mut table = self.table();
        if table.open.len() >= self.most {
            if let Some(victim) = table.victim() {
                if let Some(entry) = table.open.remove(&victim) {
                    entry.evicted.notify_one();
                }
            } else if uid != 0 || !self.is_reserved_for(pid, &table) {
                return None;
            }
        }
        let id = table.next_id;
        table.next_id += 1;
        let entry = Arc::new(Entry {
            pid,
            last_active: AtomicU64::new(self.now()),
            busy: AtomicBool::new(false),
            evicted: Notify::new(),
        });
        table.open.insert(id, Arc::clone(&entry));
        Some(Slot {
            id,
            entry,
            connections: Arc::clone(self),
        })
    }

    fn is_reserved_for(&self, pid: i32, table: &Table) -> bool {
        let has_none = !table.open.values().any(|entry| entry.pid == pid);
        has_none && table.open.len() < self.most.saturating_add(RESERVED)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing in here panics half way.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn victim(&self) -> Option<u64> {
        let mut of_pid: HashMap<i32, usize> = HashMap::new();
        for entry in self.open.values() {
            *of_pid.entry(entry.pid).or_default() += 1;
        }
        let idle = self
            .open
            .iter()
            .filter(|(_, entry)| !entry.busy.load(Ordering::Relaxed));
        let (id, _) = idle.min_by_key(|(id, entry)| {
            let count = of_pid.get(&entry.pid).copied().unwrap_or_default();
            (
                usize::MAX - count,
                entry.last_active.load(Ordering::Relaxed),
                **id,
            )
        })?;
        Some(*id)
    }
}

/// One connection's place in the table, given back when dropped.
pub(crate) struct Slot {
    id: u64,
    entry: Arc<Entry>,
    connections: Arc<Connections>,
}

impl Slot {
    /// The connection did something.
    pub(crate) fn touch(&self) {
        self.entry
            .last_active
            .store(self.connections.now(), Ordering::Relaxed);
    }

    /// Whether the connection has a call in flight or a subscription: then it is not closed to make
    /// room.
    pub(crate) fn set_busy(&self, busy: bool) {
        self.entry.busy.store(busy, Ordering::Relaxed);
    }

    /// Waits until the connection has to make room for another.
    pub(crate) async fn evicted(&self) {
        self.entry.evicted.notified().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.connections.table().open.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_evicted(slot: &Slot) -> bool {
        !slot.connections.table().open.contains_key(&slot.id)
    }

    #[test]
    fn the_longest_idle_of_the_process_with_most_makes_room() {
        let connections = Connections::new(4);
        let admit = |pid| connections.admit(pid, 0).unwrap();
        let (lone, first, second, third) = (admit(1), admit(2), admit(2), admit(2));
        for (slot, at) in [(&lone, 1), (&first, 5), (&second, 4), (&third, 6)] {
            slot.entry.last_active.store(at, Ordering::Relaxed);
        }
        let newcomer = admit(3);
        assert!(is_evicted(&second));
        assert!(
            ![&lone, &first, &third, &newcomer]
                .into_iter()
                .any(is_evicted)
        );
    }

    #[test]
    fn a_connection_at_work_is_never_closed() {
        let connections = Connections::new(2);
        let slots = [1, 1].map(|pid| connections.admit(pid, 0).unwrap());
        for slot in &slots {
            slot.set_busy(true);
        }
        assert!(connections.admit(2, 1000).is_none());
        slots[1].set_busy(false);
        let newcomer = connections.admit(2, 1000).unwrap();
        assert!(is_evicted(&slots[1]) && !is_evicted(&slots[0]) && !is_evicted(&newcomer));
    }

    /// Each of root's processes finds a place, though whoever took all of them lets none go.
    #[test]
    fn root_finds_a_place_where_all_are_at_work() {
        let connections = Connections::new(2);
        let busy = [1, 1].map(|pid| connections.admit(pid, 0).unwrap());
        for slot in &busy {
            slot.set_busy(true);
        }
        assert!(connections.admit(1, 0).is_none(), "it has two already");
        assert!(connections.admit(2, 1000).is_none(), "not root's");
        let mut rescue = Vec::new();
        for pid in 2..34 {
            let slot = connections.admit(pid, 0).unwrap();
            slot.set_busy(true);
            rescue.push(slot);
        }
        assert!(connections.admit(34, 0).is_none(), "there is an end to it");
        drop(rescue.pop());
        assert!(connections.admit(34, 0).is_some());
        assert!(!busy.iter().chain(&rescue).any(is_evicted));
    }

    #[test]
    fn a_dropped_slot_is_free_again() {
        let connections = Connections::new(2);
        let kept = connections.admit(1, 0).unwrap();
        drop(connections.admit(1, 0).unwrap());
        let newcomer = connections.admit(2, 0).unwrap();
        assert!(!is_evicted(&kept) && !is_evicted(&newcomer));
    }
}
