//! Brings requests to guests, within limits, until told to stop.

use crate::guest::NoRoom;
use crate::pools::Pools;
use crate::workers::Workers;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time::{interval, sleep, timeout};
use wasmtime::Trap;

/// How much the server allows.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Concurrent connections, some of which clients keep open for later requests.
    pub connections: u32,
    /// How long a client may take to send a request's head, and then its body.
    pub read_timeout: Duration,
    /// How long requests in flight may take when the server stops.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            read_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// Concurrent connections beyond the limit, which are refused or carry probes.
pub const REFUSALS: usize = 64;

/// After more connections than this, memory is given back whenever half of them are gone.
const FEW: usize = 32;

/// How long a connection may take to send its request, in two cases: it was accepted just before the
/// shutdown (hyper would close it at once), or it is beyond the limit (others wait to be refused).
const LINGER: Duration = Duration::from_millis(100);

/// The path of probes. They are answered even beyond the limits, because a busy replica has not failed.
const HEALTH: &str = "/health";

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
    let connections = Arc::new(Semaphore::new(limits.connections as usize));
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    let server = Arc::new(Server { pools, read_timeout: limits.read_timeout });
    let graceful = GracefulShutdown::new();
    let mut second = interval(Duration::from_secs(1));
    let mut most_connected = 0;
    let mut shutdown = pin!(shutdown);

    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!("cannot accept a connection: {error}");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            () = &mut shutdown => break,
            _ = second.tick() => {
                let connected = limits.connections as usize - connections.available_permits();
                if connected < most_connected / 2 && most_connected > FEW {
                    give_back_memory();
                    most_connected = 0;
                }
                most_connected = most_connected.max(connected);
                continue;
            }
        };
        let Ok(stream) = stream.into_std() else { continue };
        let (server, watcher) = (server.clone(), graceful.watcher());
        let place = connections.clone().try_acquire_owned();
        let admitted = place.is_ok();
        let place = match place {
            Ok(place) => Ok(place),
            // Further connections wait in the kernel until a refused one is gone.
            Err(_) => refusals.clone().acquire_owned().await,
        };
        workers.spawn(async move {
            // A broken connection concerns only its client.
            if let Ok(stream) = TcpStream::from_std(stream) {
                let _ = stream.set_nodelay(true);
                let _ = watcher.watch(serve(server, stream, admitted)).await;
            }
            drop(place);
        });
    }
    drop(listener);
    sleep(LINGER).await;
    if timeout(limits.drain_timeout, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still in flight after {:?}", limits.drain_timeout);
    }
}

/// Serves a connection. If it is not admitted, it gets one last answer.
fn serve(
    server: Arc<Server>,
    stream: TcpStream,
    admitted: bool,
) -> impl GracefulConnection<Error = hyper::Error> {
    let read_timeout = if admitted { server.read_timeout } else { LINGER };
    let service = service_fn(move |request: Request<Incoming>| {
        let server = server.clone();
        async move {
            Ok::<_, Infallible>(match admitted || request.uri().path() == HEALTH {
                true => server.answer(request).await,
                false => busy("too many connections"),
            })
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(read_timeout)
        .keep_alive(admitted)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service)
}

struct Server {
    pools: Pools,
    read_timeout: Duration,
}

impl Server {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        if !has_valid_host(&head) {
            return problem(StatusCode::BAD_REQUEST, "the host header is not one valid host");
        }
        // The world cannot read a body, so no instance has to wait for it.
        if !body.is_end_stream() {
            match timeout(self.read_timeout, discard(body)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return problem(StatusCode::BAD_REQUEST, "the body is malformed"),
                Err(_) => return problem(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
            }
        }
        let (result, outcome) = {
            let Some((guest, _place)) = self.pools.place(head.uri.path() == HEALTH) else {
                return busy("every instance is busy");
            };
            let mut store = guest.store();
            (guest.handle(&mut store, head).await, store.data_mut().take_outcome())
        };
        // First serve all other requests that have arrived, so that answers go out together and a client
        // with many connections is woken once for all of them.
        yield_now().await;
        match (outcome, result.err().map(|error| failure(&error))) {
            (Some(Ok(response)), _) => response,
            (_, Some(failure)) => failure,
            (Some(Err(code)), None) => {
                problem(StatusCode::INTERNAL_SERVER_ERROR, &code.to_string())
            }
            (None, None) => problem(StatusCode::INTERNAL_SERVER_ERROR, "the guest gave no answer"),
        }
    }
}

/// What to tell the client when its guest failed before it gave an answer.
fn failure(error: &wasmtime::Error) -> Response<Full<Bytes>> {
    if error.is::<NoRoom>() {
        return busy("no memory for another instance");
    }
    tracing::error!("guest: {error:#}");
    match error.downcast_ref() {
        Some(Trap::Interrupt) => {
            problem(StatusCode::GATEWAY_TIMEOUT, "the guest computed for too long")
        }
        _ => problem(StatusCode::INTERNAL_SERVER_ERROR, "the guest has trapped"),
    }
}

/// Whether there is exactly one valid host. HTTP/1.0 needs none (RFC 9112, section 3.2).
fn has_valid_host(head: &Parts) -> bool {
    let mut hosts = head.headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => head.version < Version::HTTP_11,
        (Some(host), None) => {
            let authority = Authority::try_from(host.as_bytes());
            // The header is empty if the target has no host.
            host.is_empty() || authority.is_ok_and(|it| !it.as_str().contains('@'))
        }
        _ => false,
    }
}

/// Reads a body to its end, and discards it.
async fn discard(mut body: Incoming) -> hyper::Result<()> {
    while let Some(frame) = body.frame().await {
        frame?;
    }
    Ok(())
}

/// 503: come back soon.
fn busy(detail: &str) -> Response<Full<Bytes>> {
    let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, detail);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// An error from the host, in the same form as the component's.
fn problem(status: StatusCode, detail: &str) -> Response<Full<Bytes>> {
    let reason = match status {
        StatusCode::INTERNAL_SERVER_ERROR => "Internal server error",
        _ => status.canonical_reason().unwrap_or_default(),
    };
    let error = format!("{} - {reason}", status.as_u16());
    let body = serde_json::json!({ "error": error, "detail": detail });
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Makes the allocator return its free memory. glibc's does not do so by itself.
fn give_back_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim may be called at any time, from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
