//! A thread for each core, with a runtime of its own.
//!
//! A connection stays on its thread. A runtime that moves tasks between threads would wake another
//! thread at almost every request, only for it to find nothing to do.

use std::io;
use std::thread;
use tokio::runtime::{Builder, Handle};
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
    pub fn start() -> io::Result<Self> {
        let start = |_| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let handle = runtime.handle().clone();
            let (running, dropped) = oneshot::channel::<()>();
            thread::Builder::new().spawn(move || runtime.block_on(dropped))?;
            Ok((handle, running))
        };
        let cores = thread::available_parallelism()?.get();
        Ok(Self { threads: (0..cores).map(start).collect::<io::Result<_>>()?, next: 0 })
    }

    /// Runs `task` on the next thread.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.next = (self.next + 1) % self.threads.len();
        self.threads[self.next].0.spawn(task);
    }
}
