//! WASI, as far as the world and Rust's standard library go: clocks, what they and streams can be
//! waited with, and an environment that has nothing but standard error.

use crate::guest::bindings::wasi::clocks::monotonic_clock;
use crate::guest::bindings::wasi::io::{error, poll, streams};
use crate::guest::{Instance, MEMORY_LIMIT};
use crate::http::OutgoingBody;
use std::io::Write;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use streams::StreamError;
use tokio::time::{Instant, sleep_until};
use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource, ResourceType};
use wasmtime::{Error, Result};

/// When something is ready, at the latest.
pub struct Pollable(Instant);

/// Where the guest can write; it never waits.
pub enum OutputStream {
    /// The body of an answer.
    Body(OutgoingBody),
    /// This process's standard error.
    Stderr,
    /// Nowhere.
    Sink,
}

impl OutputStream {
    fn write(&self, bytes: &[u8]) -> Result<(), StreamError> {
        let written = match self {
            Self::Body(body) => body.append(bytes),
            Self::Stderr => std::io::stderr().write_all(bytes).is_ok(),
            Self::Sink => true,
        };
        written.then_some(()).ok_or(StreamError::Closed)
    }
}

/// A resource that the world names, and that this host never makes.
pub enum Never {}

impl error::Host for Instance {}

impl error::HostError for Instance {
    fn drop(&mut self, error: Resource<Never>) -> Result<()> {
        self.table.delete(error)?;
        Ok(())
    }
}

impl streams::Host for Instance {}

impl streams::HostOutputStream for Instance {
    fn blocking_write_and_flush(
        &mut self,
        stream: Resource<OutputStream>,
        contents: Vec<u8>,
    ) -> Result<Result<(), StreamError>> {
        Ok(self.table.get(&stream)?.write(&contents))
    }

    fn drop(&mut self, stream: Resource<OutputStream>) -> Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}

impl poll::Host for Instance {}

impl poll::HostPollable for Instance {
    async fn block(&mut self, pollable: Resource<Pollable>) -> Result<()> {
        sleep_until(self.table.get(&pollable)?.0).await;
        Ok(())
    }

    fn drop(&mut self, pollable: Resource<Pollable>) -> Result<()> {
        self.table.delete(pollable)?;
        Ok(())
    }
}

impl monotonic_clock::Host for Instance {
    fn subscribe_duration(&mut self, when: u64) -> Result<Resource<Pollable>> {
        self.ready_at(Instant::now(), when)
    }
}

impl Instance {
    /// Something to wait for: that `nanoseconds` have passed since `start`.
    fn ready_at(&mut self, start: Instant, nanoseconds: u64) -> Result<Resource<Pollable>> {
        let at = start.checked_add(Duration::from_nanos(nanoseconds));
        Ok(self.table.push(Pollable(at.ok_or_else(|| Error::msg("too long a wait"))?))?)
    }
}

/// The exit code of a guest that has exited, as an error to stop it with.
#[derive(Debug)]
pub struct Exit(pub i32);

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "exit with code {}", self.0)
    }
}

impl std::error::Error for Exit {}

/// `wasi:clocks/wall-clock`'s.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

/// Where the monotonic clock starts.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Adds what Rust's standard library imports besides what our world does.
///
/// By hand, and not from a WIT file, because it is no part of the world: a guest may ask for less.
///
/// # Errors
/// If a function is linked twice.
pub fn add_std_to_linker(linker: &mut Linker<Instance>) -> Result<()> {
    type Nothing = Option<Resource<Never>>;

    let mut environment = linker.instance("wasi:cli/environment@0.2.0")?;
    environment.func_wrap("get-environment", |_, ()| Ok((Vec::<(String, String)>::new(),)))?;
    let mut exit = linker.instance("wasi:cli/exit@0.2.0")?;
    exit.func_wrap("exit", |_, (status,): (Result<(), ()>,)| -> Result<()> {
        Err(Error::new(Exit(status.is_err().into())))
    })?;

    let mut stdin = linker.instance("wasi:cli/stdin@0.2.0")?;
    stdin.func_wrap("get-stdin", |_, ()| -> Result<(Resource<Never>,)> {
        Err(Error::msg("there is no standard input"))
    })?;
    let mut stdout = linker.instance("wasi:cli/stdout@0.2.0")?;
    stdout.func_wrap("get-stdout", |mut store, ()| {
        Ok((store.data_mut().table.push(OutputStream::Sink)?,))
    })?;
    let mut stderr = linker.instance("wasi:cli/stderr@0.2.0")?;
    stderr.func_wrap("get-stderr", |mut store, ()| {
        Ok((store.data_mut().table.push(OutputStream::Stderr)?,))
    })?;

    for terminal in ["terminal-input", "terminal-output"] {
        let mut instance = linker.instance(&format!("wasi:cli/{terminal}@0.2.0"))?;
        instance.resource(terminal, ResourceType::host::<Never>(), |_, _| Ok(()))?;
    }
    for stream in ["stdin", "stdout", "stderr"] {
        let mut instance = linker.instance(&format!("wasi:cli/terminal-{stream}@0.2.0"))?;
        let name = format!("get-terminal-{stream}");
        instance.func_wrap(&name, |_, ()| Ok((Nothing::None,)))?;
    }

    let mut wall_clock = linker.instance("wasi:clocks/wall-clock@0.2.0")?;
    wall_clock.func_wrap("now", |_, ()| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        Ok((Datetime { seconds: now.as_secs(), nanoseconds: now.subsec_nanos() },))
    })?;
    let mut monotonic_clock = linker.instance("wasi:clocks/monotonic-clock@0.2.0")?;
    monotonic_clock.func_wrap("now", |_, ()| Ok((START.elapsed().as_nanos() as u64,)))?;
    monotonic_clock.func_wrap("subscribe-instant", |mut store, (when,): (u64,)| {
        Ok((store.data_mut().ready_at(*START, when)?,))
    })?;

    let mut streams = linker.instance("wasi:io/streams@0.2.0")?;
    type Stream = Resource<OutputStream>;
    type Outcome<T> = (Result<T, StreamError>,);
    streams.resource("input-stream", ResourceType::host::<Never>(), |_, _| Ok(()))?;
    streams.func_wrap("[method]output-stream.check-write", |_, (_,): (Stream,)| {
        Ok((Ok(MEMORY_LIMIT as u64),) as Outcome<u64>)
    })?;
    streams.func_wrap(
        "[method]output-stream.write",
        |store, (stream, contents): (Stream, Vec<u8>)| {
            Ok((store.data().table.get(&stream)?.write(&contents),))
        },
    )?;
    streams.func_wrap("[method]output-stream.blocking-flush", |_, (_,): (Stream,)| {
        Ok((Ok(()),) as Outcome<()>)
    })?;
    streams.func_wrap("[method]output-stream.subscribe", |mut store, (_,): (Stream,)| {
        Ok((store.data_mut().ready_at(Instant::now(), 0)?,))
    })
}
