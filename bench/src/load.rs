//! The load: wrk in a closed loop, and many waits at once.

use crate::contenders::Contender;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
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

/// Connections of the closed loop.
const CONNECTIONS: usize = 16;

/// Waits start at 20,000 a second. If all started at once, they would overflow the system's queue of
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

/// Each of [`CONNECTIONS`] clients sends its next request as soon as the last is answered; returns requests
/// a second.
///
/// # Errors
/// If wrk is missing, or if any request fails or is not answered with 200.
pub fn closed(address: SocketAddr, contender: &Contender, seconds: u32) -> Result<f64> {
    let output = Command::new("wrk")
        .args(["--header", contender.connection])
        .args(["--timeout", "30s", "--threads", "2"])
        .args(["--connections", &CONNECTIONS.to_string(), "--duration", &format!("{seconds}s")])
        .arg(format!("http://{address}{}", contender.target))
        .output()
        .context("wrk is missing: apt-get install wrk, or brew install wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "wrk says: {text}");
    let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    rate.and_then(|it| it.trim().parse().ok()).with_context(|| format!("wrk says: {text}"))
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
