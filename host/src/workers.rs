//! A thread for each core, with a runtime of its own.
//!
//! A connection stays on its thread. A runtime that moves tasks between threads would wake another
//! thread at almost every request, only for it to find nothing to do.

use anyhow::{Context, Result};
use std::num::NonZero;
use std::sync::mpsc;
use std::thread;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

/// The threads. They and their tasks end when this is dropped.
pub struct Workers {
    threads: Vec<(Handle, oneshot::Sender<()>)>,
    next: usize,
}

impl Workers {
    /// Starts a thread for each core that this process may use.
    ///
    /// # Errors
    /// If the system refuses a thread, or something that a runtime needs.
    pub fn start() -> Result<Self> {
        let start = |_| {
            let (running, dropped) = oneshot::channel::<()>();
            // The thread comes first. A runtime without one would be dropped here, where that may panic.
            let (runtimes, runtime) = mpsc::channel::<Runtime>();
            let run = move || runtime.recv().map(|runtime| runtime.block_on(dropped));
            thread::Builder::new().spawn(run).context("cannot start a thread")?;
            let runtime = Builder::new_current_thread().enable_all().build();
            let runtime = runtime.context("cannot make an event loop")?;
            let handle = runtime.handle().clone();
            runtimes.send(runtime)?;
            Ok((handle, running))
        };
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Ok(Self { threads: (0..cores).map(start).collect::<Result<_>>()?, next: 0 })
    }

    /// Runs `task` on the next thread.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.next = (self.next + 1) % self.threads.len();
        self.threads[self.next].0.spawn(task);
    }
}
