//! The load: wrk in a closed loop, threads of our own in an open one, and many waits at once.

use crate::contenders::Contender;
use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::task::JoinSet;
use tokio::time::interval;

/// What is reported of latencies, in percent.
pub const PERCENTILES: [f64; 3] = [50.0, 99.0, 99.9];

/// Connections of the open loop, each with a thread.
const OPEN_CONNECTIONS: u32 = 16;

/// Waits begin at 20,000 a second. If all began at once, they would overflow the system's queue of
/// connections to be accepted, 4,096 on Linux, and those dropped from it try again after a second.
const BURST: usize = 200;
const BURST_EVERY: Duration = Duration::from_millis(10);

/// Runs `future` on a runtime of this thread's own.
fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Empty<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn ask(connection: &mut SendRequest<Empty<Bytes>>, target: &str) -> Result<Bytes> {
    connection.ready().await?;
    let request = Request::builder().uri(target).header("host", "localhost");
    let response = connection.send_request(request.body(Empty::new())?).await?;
    ensure!(response.status() == 200, "{target} is answered {}", response.status());
    Ok(response.into_body().collect().await?.to_bytes())
}

/// Asks for `target` on a connection of its own; returns the body.
///
/// # Errors
/// If there is no connection, or the answer is not 200.
pub fn get(address: SocketAddr, target: &str) -> Result<Bytes> {
    block_on(async { ask(&mut connect(address).await?, target).await })
}

/// Each of `connections` clients sends its next request as soon as the last is answered; returns requests
/// a second.
///
/// # Errors
/// If wrk is missing, or if any request fails or is not answered with 200.
pub fn closed(
    address: SocketAddr,
    contender: &Contender,
    connections: usize,
    seconds: u32,
) -> Result<f64> {
    let output = Command::new("wrk")
        .args(["--header", contender.connection])
        .args(["--timeout", "30s", "--threads", &connections.min(2).to_string()])
        .args(["--connections", &connections.to_string(), "--duration", &format!("{seconds}s")])
        .arg(format!("http://{address}{}", contender.target))
        .output()
        .context("wrk is missing: apt-get install wrk, or brew install wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "wrk says: {text}");
    let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    rate.and_then(|it| it.trim().parse().ok()).with_context(|| format!("wrk says: {text}"))
}

/// Sends `rate` requests a second, and counts the time that each is late from when it was due, not
/// from when there was a connection free to send it.
///
/// Returns milliseconds at [`PERCENTILES`].
pub fn open(address: SocketAddr, target: &str, rate: u32, seconds: u32) -> Result<[f64; 3]> {
    let pace = Duration::from_secs(1) / rate;
    let begin = Instant::now() + Duration::from_millis(50);
    let due = |client| {
        let requests = (client..rate * seconds).step_by(OPEN_CONNECTIONS as usize);
        requests.map(move |number| begin + pace * number)
    };
    let mut all = Histogram::<u64>::new(3)?;
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..OPEN_CONNECTIONS)
            .map(|client| scope.spawn(move || on_time(address, target, due(client))))
            .collect();
        for client in clients {
            all.add(client.join().map_err(|_| anyhow!("a client has panicked"))??)?;
        }
        anyhow::Ok(())
    })?;
    Ok(PERCENTILES.map(|percentile| all.value_at_percentile(percentile) as f64 / 1e6))
}

/// Sends a request whenever one is due; returns the nanoseconds that they took since then.
fn on_time(
    address: SocketAddr,
    target: &str,
    due: impl Iterator<Item = Instant>,
) -> Result<Histogram<u64>> {
    let mut latencies = Histogram::new(3)?;
    // The system may let a thread oversleep by 50 µs, unless told otherwise.
    let thread = std::fs::read_link("/proc/thread-self")?;
    let thread = thread.file_name().context("no thread")?.to_string_lossy();
    std::fs::write(format!("/proc/{thread}/timerslack_ns"), "1")?;
    block_on(async {
        let mut connection = connect(address).await?;
        for due in due {
            // Tokio's own sleep is exact to a millisecond only.
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            ask(&mut connection, target).await?;
            latencies.record(due.elapsed().as_nanos() as u64)?;
        }
        Ok(latencies)
    })
}

/// Sends `count` requests for `/wait` in quick succession, each on a connection of its own; returns the
/// time until all are answered.
pub fn waits(address: SocketAddr, count: usize) -> Result<Duration> {
    block_on(async {
        let begin = Instant::now();
        let (mut waits, mut pace) = (JoinSet::new(), interval(BURST_EVERY));
        for number in 0..count {
            if number % BURST == 0 {
                pace.tick().await;
            }
            waits.spawn(async move { ask(&mut connect(address).await?, "/wait").await });
        }
        while let Some(answered) = waits.join_next().await {
            answered??;
        }
        Ok(begin.elapsed())
    })
}
