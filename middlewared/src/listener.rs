//! Accepts connections, as many as there is room for, and says who is at the other end.

use std::sync::Arc;
use std::time::Duration;

use store::Peer;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use crate::connections::{Connections, Slot};
use crate::http;
use crate::peer::{self, Admission};
use crate::service::Service;

/// What a connection knows of itself.
pub(crate) struct Connection {
    pub(crate) service: Arc<Service>,
    pub(crate) peer: Peer,
    /// Whether the peer may call methods.
    pub(crate) allowed: bool,
    pub(crate) entrance: Entrance,
    pub(crate) slot: Slot,
    /// True when the daemon stops. The server waits until every copy of this is dropped.
    pub(crate) stop: watch::Receiver<bool>,
}

/// Which socket it is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entrance {
    /// Root's, where the peer's user says who it is.
    Root,
    /// The web's, where people sign in.
    Web,
}

/// A socket with its rules.
pub(crate) struct Door {
    pub(crate) listener: UnixListener,
    pub(crate) admission: Admission,
    pub(crate) entrance: Entrance,
    pub(crate) connections: Arc<Connections>,
}

/// Accepts until the daemon stops.
pub(crate) async fn accept(door: Door, service: Arc<Service>, mut stop: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = door.listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, _)) => welcome(&door, stream, &service, &stop),
            Err(error) => {
                // Out of descriptors, most likely: try again when some may be free.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn welcome(door: &Door, stream: UnixStream, service: &Arc<Service>, stop: &watch::Receiver<bool>) {
    let peer = match peer::of(&stream) {
        Ok(peer) => peer,
        Err(error) => return tracing::warn!(%error, "refused a peer that cannot be known"),
    };
    let Some(slot) = door.connections.admit(peer.pid, peer.uid) else {
        return tracing::warn!(
            pid = peer.pid,
            "refused a connection: all are taken and at work"
        );
    };
    let allowed = door.admission.allows(peer);
    if !allowed {
        tracing::warn!(
            uid = peer.uid,
            pid = peer.pid,
            "refused a peer that is not root"
        );
    }
    let (service, stop) = (Arc::clone(service), stop.clone());
    let connection = Arc::new(Connection {
        service,
        peer,
        allowed,
        entrance: door.entrance,
        slot,
        stop,
    });
    tokio::spawn(http::serve(stream, connection));
}
