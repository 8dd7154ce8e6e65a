//! Start and stop.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Context;
use listenfd::ListenFd;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;

use crate::app::{App, Shared, router};
use crate::config::Config;
use crate::listener::{Listener, Rooms};
use crate::{certificate, logging};

/// Serves until it is told to stop.
///
/// # Errors
/// It cannot listen, or has no certificate.
pub(crate) fn run(config: Config) -> anyhow::Result<()> {
    logging::start(config.log)?;
    let socket = open(&config)?;
    let tls = if config.http {
        None
    } else {
        Some(TlsAcceptor::from(certificate::tls(&config)?))
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let app = Shared::new(config)?;
    runtime.block_on(serve(socket, tls, app))
}

/// Takes the socket that systemd passed (`sd_listen_fds(3)`), else makes one.
fn open(config: &Config) -> anyhow::Result<TcpListener> {
    let passed = ListenFd::from_env()
        .take_tcp_listener(0)
        .context("the passed socket")?;
    let socket = match passed {
        Some(socket) => socket,
        None => TcpListener::bind(config.listen)
            .with_context(|| format!("cannot listen on {}", config.listen))?,
    };
    config.may_listen_on(socket.local_addr()?)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

async fn serve(socket: TcpListener, tls: Option<TlsAcceptor>, app: App) -> anyhow::Result<()> {
    let address: SocketAddr = socket.local_addr()?;
    let listener = Listener {
        tcp: tokio::net::TcpListener::from_std(socket)?,
        tls,
        router: router(&app),
        rooms: Rooms::new(
            app.config.max_connections,
            app.config.trusted_proxies.clone(),
        ),
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let sweeper = Arc::clone(&app);
    tokio::spawn(async move { sweeper.sessions.sweep().await });
    tracing::info!(%address, "ready");
    // Outside systemd there is nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    tokio::select! {
        () = listener.run() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    Ok(())
}
