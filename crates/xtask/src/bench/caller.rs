//! One connection that calls, waits, and says how long it took.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::wire;

/// No call takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A blocking connection to the daemon.
#[derive(Debug)]
pub(super) struct Caller {
    stream: UnixStream,
}

impl Caller {
    pub(super) fn connect(socket: &Path) -> Result<Self> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        wire::upgrade(&mut stream)?;
        Ok(Self { stream })
    }

    /// The result of a call, and how long it took from the first byte out to the last one in.
    pub(super) fn call(&mut self, method: &str, params: &Value) -> Result<(Value, Duration)> {
        let request = wire::frame(&request(method, params));
        let began = Instant::now();
        let answer = wire::ask(&mut self.stream, &request, wire::complete_frame)?;
        let duration = began.elapsed();
        let result = result(&answer).with_context(|| format!("{method} failed"))?;
        Ok((result, duration))
    }
}

/// The text of a call.
pub(super) fn request(method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

/// The result in the one frame of an answer.
pub(super) fn result(frame: &[u8]) -> Result<Value> {
    let text = wire::payload(frame).and_then(|payload| frame.get(payload));
    let text = text.context("no frame in the answer")?;
    let mut answer: Value = serde_json::from_slice(text).context("no JSON in the answer")?;
    match answer.get_mut("result") {
        Some(result) => Ok(result.take()),
        None => bail!("{}", answer.get("error").unwrap_or(&Value::Null)),
    }
}
