//! Starting and stopping.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use api::{SessionRules, Sessions};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};
use sd_notify::NotifyState;
use store::Store;
use tokio::net::UnixListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{interval, timeout};

use crate::aftermath;
use crate::config::{Config, Flags, Web};
use crate::connections::Connections;
use crate::listener::{Door, Entrance, accept};
use crate::logging::Log;
use crate::password;
use crate::queue::Queue;
use crate::service::Service;
use crate::socket::Sockets;
use crate::writer::{self, HOUSEKEEPING};

/// How long calls in flight have when the daemon stops.
const GRACE: Duration = Duration::from_secs(5);

/// Runs the daemon until SIGTERM or SIGINT.
///
/// # Errors
/// The state or the socket cannot be used; nothing was changed then.
pub(crate) fn run(flags: &Flags, config: &Config) -> anyhow::Result<()> {
    let log = Log::start(config.log)?;
    umask(Mode::from_bits_truncate(0o077));
    raise_descriptor_limit();
    let credentials = env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let store = Store::open(&config.state_dir, credentials.as_deref())?;
    if let Some(reason) = store.degraded() {
        tracing::error!(
            "{reason}: secrets cannot be read; two-factor authentication can still be turned off"
        );
    }
    if !clock::sync_state().synchronised {
        tracing::warn!("nothing keeps the clock right (see timedatectl): codes may be refused");
    }
    let sockets = Sockets::open(&config.socket, config.web.socket.as_deref())?;
    let reader = store.reader()?;
    let writer = writer::start(store, config.identity.clone())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let (queue, itself) = (writer.queue.clone(), Arc::new(config.identity.clone()));
    runtime.spawn(aftermath::look(
        writer.aftermaths,
        queue,
        writer::itself(itself),
    ));
    let sessions = sessions(&config.web);
    let service = Service::new(reader, config.identity.clone(), writer.queue, sessions);
    runtime.block_on(serve(flags, config, &log, sockets, Arc::new(service)))?;
    // What still waits for a client that does not read is dropped, and with it the queue.
    runtime.shutdown_timeout(Duration::ZERO);
    // The writer finishes what was handed in and closes the store.
    (writer.thread)
        .join()
        .map_err(|_| anyhow::anyhow!("the writer thread ended by a bug"))??;
    tracing::info!("stopped");
    Ok(())
}

async fn serve(
    flags: &Flags,
    config: &Config,
    log: &Log,
    sockets: Sockets,
    service: Arc<Service>,
) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let (stop, stopping) = watch::channel(false);
    let web = sockets.web.as_ref().map(|web| (web, Entrance::Web));
    for (socket, entrance) in [Some((&sockets.root, Entrance::Root)), web]
        .into_iter()
        .flatten()
    {
        socket.listener.set_nonblocking(true)?;
        let door = Door {
            listener: UnixListener::from_std(socket.listener.try_clone()?)?,
            admission: socket.admission,
            entrance,
            // A crowd at the one takes no place at the other.
            connections: Connections::new(config.max_connections),
        };
        tokio::spawn(accept(door, Arc::clone(&service), stopping.clone()));
    }
    drop(stopping);
    // What only reads is answered from now on. The writer has all of the database to look through first,
    // and is gone if it is damaged: its thread knows why.
    if !service.writes().beat().await {
        return Ok(());
    }
    tokio::spawn(keep_house(service.writes().clone()));
    if let Some(limit) = sd_notify::watchdog_enabled() {
        tokio::spawn(feed_watchdog(service.writes().clone(), limit / 2));
    }
    notify(NotifyState::Ready);
    tracing::info!(socket = %config.socket.display(), state = %config.state_dir.display(), "ready");
    while !signals.next_is_stop().await {
        reload(flags, log, &service);
    }
    notify(NotifyState::Stopping);
    tracing::info!("stopping");
    stop.send_replace(true);
    if timeout(GRACE, stop.closed()).await.is_err() {
        tracing::warn!("some clients did not read their answers in time");
    }
    Ok(())
}

/// Who is signed in on the web, and how that comes about.
fn sessions(web: &Web) -> Arc<Sessions> {
    let path = web.password.clone();
    Sessions::new(SessionRules {
        administrators: web.administrators.clone(),
        check_password: Box::new(move |question| password::check(&path, question)),
    })
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals cannot be received");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal: true to stop, false to read the configuration again.
    async fn next_is_stop(&mut self) -> bool {
        tokio::select! {
            _ = self.terminate.recv() => true,
            _ = self.interrupt.recv() => true,
            _ = self.hangup.recv() => false,
        }
    }
}

/// Reads the configuration again. What can change while running does; a mistake changes nothing.
fn reload(flags: &Flags, log: &Log, service: &Service) {
    match Config::load(flags) {
        Ok(config) => {
            log.set_level(config.log);
            service.set_identity(config.identity);
            tracing::info!("read the configuration again; socket, state and limits need a restart");
        }
        Err(error) => tracing::error!("the configuration is as it was: {error:#}"),
    }
}

async fn keep_house(writes: Queue) {
    let mut due = interval(HOUSEKEEPING);
    loop {
        due.tick().await;
        writes.keep_house().await;
    }
}

/// Says that all is well only after the writer has answered.
async fn feed_watchdog(writes: Queue, every: Duration) {
    let mut due = interval(every);
    loop {
        due.tick().await;
        if !writes.beat().await {
            return;
        }
        notify(NotifyState::Watchdog);
    }
}

fn notify(state: NotifyState<'_>) {
    // Without systemd there is nobody to tell.
    let _ = sd_notify::notify(&[state]);
}

/// As many connections as the system allows; the default of 1,024 is for select(2).
fn raise_descriptor_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
}
