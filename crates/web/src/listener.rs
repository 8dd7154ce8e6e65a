//! Accepts connections, as many as there is room for, and speaks TLS and HTTP/1.1 with them.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use nix::sys::socket::{setsockopt, sockopt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::origin::Peer;

/// How long a client may take for TLS, or to send a whole head, and be idle between requests.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the other end may not take what was sent, in milliseconds.
const UNREAD_MS: u32 = 30_000;

/// Connections of one address. This machine is exempt, since a proxy on it stands for many.
const MOST_OF_ONE: usize = 256;

/// What a connection needs.
pub(crate) struct Listener {
    pub(crate) tcp: TcpListener,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) router: Router,
    pub(crate) rooms: Rooms,
}

impl Listener {
    /// Accepts for ever.
    pub(crate) async fn run(self) {
        loop {
            match self.tcp.accept().await {
                Ok((stream, peer)) => self.admit(stream, peer),
                // Out of descriptors: those that end make room.
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr) {
        // Closed at once: whoever has no room need not wait.
        let Some(place) = self.rooms.enter(peer.ip()) else {
            return;
        };
        let (tls, router) = (self.tls.clone(), self.router.clone());
        tokio::spawn(async move {
            // Where the kernel does not know it, a dead peer goes by keep-alive.
            let _ = setsockopt(&stream, sockopt::TcpUserTimeout, &UNREAD_MS);
            let _ = setsockopt(&stream, sockopt::KeepAlive, &true);
            let _ = stream.set_nodelay(true);
            match tls {
                None => serve(stream, Peer(peer), place, router).await,
                Some(tls) => {
                    if let Ok(Ok(stream)) = timeout(PATIENCE, tls.accept(stream)).await {
                        serve(stream, Peer(peer), place, router).await;
                    }
                }
            }
        });
    }
}

/// One connection, until it ends or is upgraded. Its place goes with the requests, so that an upgraded
/// connection keeps it.
async fn serve<S>(stream: S, peer: Peer, place: Place, router: Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let place = Arc::new(place);
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(Arc::clone(&place));
        router.call(request)
    });
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(16 * 1024)
        .max_headers(64)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // How a client leaves is its own affair.
    let _ = http.await;
}

type Counts = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// How many connections there are.
pub(crate) struct Rooms {
    all: Arc<Semaphore>,
    by_address: Counts,
    /// Whoever stands for many.
    exempt: Vec<IpAddr>,
}

/// Room for one connection, given back when dropped.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    counted: Option<(Counts, IpAddr)>,
}

impl Rooms {
    pub(crate) fn new(most: usize, exempt: Vec<IpAddr>) -> Self {
        Self {
            all: Arc::new(Semaphore::new(most)),
            by_address: Arc::default(),
            exempt,
        }
    }

    fn enter(&self, address: IpAddr) -> Option<Place> {
        let permit = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let address = network(address.to_canonical());
        if address.is_loopback() || self.exempt.contains(&address) {
            return Some(Place {
                _permit: permit,
                counted: None,
            });
        }
        let mut counts = lock(&self.by_address);
        let count = counts.entry(address).or_default();
        if *count >= MOST_OF_ONE {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Place {
            _permit: permit,
            counted: Some((Arc::clone(&self.by_address), address)),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((counts, address)) = &self.counted else {
            return;
        };
        let mut counts = lock(counts);
        let left = counts
            .get(address)
            .map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            counts.remove(address);
        } else {
            counts.insert(*address, left);
        }
    }
}

/// A network of IPv6 is one place: whoever has one has all its addresses (RFC 8981).
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) if !address.is_loopback() => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(network.into())
        }
        address => address,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_all_the_room_and_gives_it_back() {
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();
        let rooms = Rooms::new(MOST_OF_ONE + 4, vec![proxy]);
        let greedy = |number: usize| {
            let address = format!("2001:db8::{number:x}");
            rooms.enter(address.parse().unwrap())
        };
        let mut held: Vec<_> = (0..MOST_OF_ONE)
            .map(|number| greedy(number).unwrap())
            .collect();
        assert!(greedy(9).is_none(), "one network of IPv6 is one place");
        for other in ["2001:db8:0:1::1", "127.0.0.1", "10.0.0.1", "192.0.2.1"] {
            held.push(rooms.enter(other.parse().unwrap()).unwrap());
        }
        assert!(rooms.enter(proxy).is_none(), "there is no more room at all");
        drop(held);
        assert!(lock(&rooms.by_address).is_empty());
        assert!(greedy(1).is_some());
    }
}
