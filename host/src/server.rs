//! Accepts connections, within limits, until told to stop.

use crate::connection::{LATE, serve};
use crate::handler::Handler;
use crate::pools::Pools;
use crate::refusals::Refusals;
use crate::workers::Workers;
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{interval, sleep};

/// How much the server allows.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Concurrent connections, some of which clients keep open for later requests.
    pub connections: usize,
    /// Concurrent connections beyond these, which are refused or carry probes.
    pub refusals: usize,
    /// How long a client may take to send a request's head, then its body, and then to go on reading
    /// the answer.
    pub read_timeout: Duration,
    /// How long requests in flight may take when the server stops.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            refusals: 1024,
            read_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// After more connections than this, memory is given back whenever half of them are gone.
const FEW: usize = 32;

/// The pause before accepting again when the system is exhausted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves the connections that `listener` accepts until `shutdown` completes; then lets requests in
/// flight finish.
pub async fn run(
    listener: TcpListener,
    pools: Pools,
    limits: Limits,
    mut workers: Workers,
    shutdown: impl Future<Output = ()>,
) {
    let handler = Arc::new(Handler::new(pools, limits.read_timeout));
    // Each connection has a receiver, which is dropped with it.
    let stop = watch::Sender::new(false);
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut refusals = Refusals::new(limits.refusals);
    let mut second = interval(Duration::from_secs(1));
    let mut most_connected = 0;
    let mut shutdown = pin!(shutdown);

    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Its client was gone before it was accepted.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => {
                    tracing::warn!("cannot accept a connection: {error}");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            () = &mut shutdown => break,
            _ = second.tick() => {
                let connected = limits.connections - places.available_permits();
                if connected < most_connected / 2 && most_connected > FEW {
                    give_back_memory();
                    most_connected = 0;
                }
                most_connected = most_connected.max(connected);
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let (handler, stop) = (handler.clone(), stop.subscribe());
        let Ok(place) = places.clone().try_acquire_owned() else {
            refusals.add(handler, stream, stop).await;
            continue;
        };
        let Ok(stream) = stream.into_std() else { continue };
        workers.spawn(async move {
            if let Ok(stream) = TcpStream::from_std(stream) {
                serve(handler, stream, stop).await;
            }
            drop(place);
        });
    }
    drop(listener);
    stop.send_replace(true);
    tokio::select! {
        () = stop.closed() => {}
        // The clients still connected are not sending a request, or not reading the answer.
        () = handler.quiet(LATE) => {}
        () = sleep(limits.drain_timeout) => {
            tracing::warn!("requests were still in flight after {:?}", limits.drain_timeout);
        }
    }
}

/// Makes the allocator return its free memory. glibc's does not do so by itself: after a thousand waits at once, 39 MB
/// would stay resident instead of 9.
fn give_back_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim may be called at any time, from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
