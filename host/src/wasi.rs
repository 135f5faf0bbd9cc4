//! WASI, as far as the world and Rust's standard library go: clocks, an exit, and standard error.

use crate::http::OutgoingBody;
use crate::instance::Instance;
use crate::instance::bindings::wasi::cli::{exit, stderr};
use crate::instance::bindings::wasi::clocks::monotonic_clock;
use crate::instance::bindings::wasi::io::{error, poll, streams};
use std::io::Write;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use streams::StreamError;
use tokio::time::{Instant, sleep_until};
use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource};
use wasmtime::{Error, Result};

/// When something is ready, at the latest.
pub struct Pollable(Instant);

/// Where the guest can write; it never waits.
pub enum OutputStream {
    /// The body of an answer.
    Body(OutgoingBody),
    /// This process's standard error.
    Stderr,
}

impl OutputStream {
    /// Writes all of `bytes`, unless there is no room.
    pub fn write(&self, bytes: &[u8]) -> Result<(), StreamError> {
        let written = match self {
            Self::Body(body) => body.append(bytes),
            Self::Stderr => std::io::stderr().write_all(bytes).is_ok(),
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
        let at = Instant::now().checked_add(Duration::from_nanos(when));
        Ok(self.table.push(Pollable(at.ok_or_else(|| Error::msg("too long a wait"))?))?)
    }
}

impl stderr::Host for Instance {
    fn get_stderr(&mut self) -> Result<Resource<OutputStream>> {
        Ok(self.table.push(OutputStream::Stderr)?)
    }
}

impl exit::Host for Instance {
    fn exit(&mut self, status: Result<(), ()>) -> Result<()> {
        Err(Error::new(Exit(status.is_err().into())))
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

/// Adds the clocks as Rust's standard library reads them.
///
/// By hand, and not from a WIT file, because it is no part of the world: a guest may ask for less.
///
/// # Errors
/// If a function is linked twice.
pub fn add_std_to_linker(linker: &mut Linker<Instance>) -> Result<()> {
    let mut wall_clock = linker.instance("wasi:clocks/wall-clock@0.2.0")?;
    wall_clock.func_wrap("now", |_, ()| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        Ok((Datetime { seconds: now.as_secs(), nanoseconds: now.subsec_nanos() },))
    })?;
    let mut monotonic_clock = linker.instance("wasi:clocks/monotonic-clock@0.2.0")?;
    monotonic_clock.func_wrap("now", |_, ()| Ok((START.elapsed().as_nanos() as u64,)))
}
