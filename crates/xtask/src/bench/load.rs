//! Clients that ask as fast as they are answered, the same machinery for every server.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use super::wire::Complete;

/// What each client does.
#[derive(Clone)]
pub(super) struct Dialogue {
    /// Sent once, with the end of its answer: an upgrade, or nothing.
    pub(super) opening: Option<(&'static [u8], Complete)>,
    /// Sent again and again.
    pub(super) requests: Requests,
    pub(super) complete: Complete,
    /// Looks at each whole answer: what was measured must have been the right thing.
    pub(super) check: fn(&[u8]) -> Result<()>,
}

/// What a client sends.
#[derive(Clone)]
pub(super) enum Requests {
    /// Always the same.
    Same(Vec<u8>),
    /// Each time another; all clients share the one source of them.
    Each(Arc<dyn Fn() -> Result<Vec<u8>> + Send + Sync>),
}

impl Requests {
    fn next(&self) -> Result<Cow<'_, [u8]>> {
        match self {
            Self::Same(request) => Ok(Cow::Borrowed(request)),
            Self::Each(make) => make().map(Cow::Owned),
        }
    }
}

/// Answers a second to this many clients, each with one request under way.
pub(super) fn answers_per_second(
    socket: &Path,
    dialogue: &Dialogue,
    clients: usize,
    duration: Duration,
) -> Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let began = Instant::now();
    let answers = runtime.block_on(all(socket, dialogue, clients, began + duration))?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 answers")]
    Ok(answers as f64 / began.elapsed().as_secs_f64())
}

async fn all(socket: &Path, dialogue: &Dialogue, clients: usize, end: Instant) -> Result<u64> {
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let stream = UnixStream::connect(socket).await?;
        tasks.spawn(one(stream, dialogue.clone(), end));
    }
    let mut answers = 0;
    while let Some(client) = tasks.join_next().await {
        answers += client.context("a client panicked")??;
    }
    Ok(answers)
}

async fn one(mut stream: UnixStream, dialogue: Dialogue, end: Instant) -> Result<u64> {
    let mut buffer = Vec::with_capacity(4096);
    if let Some((opening, complete)) = dialogue.opening {
        ask(&mut stream, opening, complete, &mut buffer).await?;
    }
    let mut answers = 0;
    while Instant::now() < end {
        let request = dialogue.requests.next()?;
        ask(&mut stream, &request, dialogue.complete, &mut buffer).await?;
        (dialogue.check)(&buffer)?;
        answers += 1;
    }
    Ok(answers)
}

async fn ask(
    stream: &mut UnixStream,
    request: &[u8],
    complete: Complete,
    buffer: &mut Vec<u8>,
) -> Result<()> {
    stream.write_all(request).await?;
    buffer.clear();
    while complete(buffer).is_none() {
        let length = stream.read_buf(buffer).await?;
        ensure!(length > 0, "the server closed the connection");
    }
    Ok(())
}
