//! `wasi:clocks`, and `wasi:io/poll` to wait for them.

use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use crate::bindings::wasi::io::poll;
use crate::instance::Instance;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{self, sleep_until};
use wall_clock::Datetime;
use wasmtime::component::Resource;
use wasmtime::{Error, Result};

impl poll::Host for Instance {}

impl poll::HostPollable for Instance {
    async fn block(&mut self, pollable: Resource<time::Instant>) -> Result<()> {
        sleep_until(*self.table.get(&pollable)?).await;
        Ok(())
    }

    fn drop(&mut self, pollable: Resource<time::Instant>) -> Result<()> {
        self.table.delete(pollable)?;
        Ok(())
    }
}

impl monotonic_clock::Host for Instance {
    fn subscribe_duration(&mut self, when: u64) -> Result<Resource<time::Instant>> {
        let at = time::Instant::now().checked_add(Duration::from_nanos(when));
        Ok(self.table.push(at.ok_or_else(|| Error::msg("too long a wait"))?)?)
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
