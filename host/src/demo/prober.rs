//! Probes a container over HTTP, as "Configure Liveness, Readiness and Startup Probes" in the Kubernetes
//! documentation has it.

use crate::demo::container;
use crate::demo::manifest::Probe;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::{Request, StatusCode, header};
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};

/// The path that Spin answers itself, whether the app is poisoned or not.
const SPIN_HEALTH: &str = "/.well-known/spin/health";

/// Probes a container again and again.
pub struct Prober<'a> {
    probe: &'a Probe,
    address: SocketAddr,
    tick: Interval,
    /// The last result, and how many times in a row it came.
    last: (bool, u32),
}

impl<'a> Prober<'a> {
    /// Begins with the first period that does not lie within the initial delay.
    pub fn new(probe: &'a Probe, address: SocketAddr) -> Self {
        let period = probe.period_seconds.seconds();
        let periods = probe.initial_delay_seconds.0.div_ceil(probe.period_seconds.0);
        let mut tick = interval_at(Instant::now() + period * periods, period);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self { probe, address, tick, last: (false, 0) }
    }

    /// Probes until as many successes or failures in a row as their threshold asks for.
    pub async fn verdict(&mut self) -> bool {
        loop {
            self.tick.tick().await;
            let success = succeeds(self.probe, self.address).await;
            self.last = (success, if self.last.0 == success { self.last.1 + 1 } else { 1 });
            let failures = self.probe.failure_threshold.0;
            if self.last.1 >= if success { self.probe.success_threshold.0 } else { failures } {
                return success;
            }
        }
    }
}

/// Probes once: whether there is a status from 200 to 399 in time.
async fn succeeds(probe: &Probe, address: SocketAddr) -> bool {
    let path = probe.http_get.path.as_deref().unwrap_or("/");
    let status = async {
        let stream = TcpStream::connect(address).await?;
        if path == SPIN_HEALTH {
            return Ok(StatusCode::OK);
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        let request = Request::get(format!("{slash}{path}"))
            .header(header::HOST, address.to_string())
            .body(Empty::<Bytes>::new())?;
        anyhow::Ok(container::send(stream, request).await?.status())
    };
    let status = timeout(probe.timeout_seconds.seconds(), status).await;
    matches!(status, Ok(Ok(status)) if status.is_success() || status.is_redirection())
}
