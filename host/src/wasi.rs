//! The parts of WASI that the world lists: clocks, an exit, and standard error.

use crate::http::OutgoingBody;
use crate::instance::Instance;
use crate::instance::bindings::wasi::cli::{exit, stderr};
use crate::instance::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use crate::instance::bindings::wasi::io::{error, poll, streams};
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use streams::StreamError;
use tokio::time::{Instant, sleep_until};
use wall_clock::Datetime;
use wasmtime::component::Resource;
use wasmtime::{Error, Result};

/// A moment to wait for.
pub struct Pollable(Instant);

/// Where the guest can write. Writing never blocks.
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

/// A resource that the world names, but that this host never creates.
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

impl wall_clock::Host for Instance {
    fn now(&mut self) -> Result<Datetime> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        Ok(Datetime { seconds: now.as_secs(), nanoseconds: now.subsec_nanos() })
    }

    fn resolution(&mut self) -> Result<Datetime> {
        Ok(Datetime { seconds: 0, nanoseconds: 1 })
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

/// A guest's exit code, as the error that stops it.
#[derive(Debug)]
pub struct Exit(pub i32);

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "exit with code {}", self.0)
    }
}

impl std::error::Error for Exit {}
