//! What happens to one request.

use crate::guest::NoRoom;
use crate::pools::Pools;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::{Request, Response, StatusCode, Version};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};
use wasmtime::Trap;

/// The path of probes. They are answered even beyond the limits, because a busy replica has not failed.
pub const HEALTH: &str = "/health";

type Answer = Response<Full<Bytes>>;

/// Answers requests, each with a new instance of the guest.
pub struct Handler {
    pools: Pools,
    /// How long a client may take to send a request's head, then its body, and then to go on reading the
    /// answer.
    pub timeout: Duration,
    /// Each running guest has a receiver.
    running: watch::Sender<()>,
}

impl Handler {
    pub fn new(pools: Pools, timeout: Duration) -> Self {
        Self { pools, timeout, running: watch::Sender::new(()) }
    }

    /// Completes when no guest runs, and none did a certain time before.
    pub async fn quiet(&self, time: Duration) {
        loop {
            self.running.closed().await;
            sleep(time).await;
            if self.running.is_closed() {
                return;
            }
        }
    }

    /// The answer to `request`. Its body does not reach the guest, whose world has none, but may have to be
    /// awaited: a client that is still writing might not read the answer.
    pub async fn answer(&self, request: Request<Incoming>, wait_for_body: bool) -> Answer {
        let (head, body) = request.into_parts();
        if !has_valid_host(&head) {
            return problem(StatusCode::BAD_REQUEST, "the host header is not one valid host");
        }
        if wait_for_body && !body.is_end_stream() {
            match timeout(self.timeout, discard(body)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return problem(StatusCode::BAD_REQUEST, "the body is malformed"),
                Err(_) => return problem(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
            }
        }
        let (result, outcome) = {
            let Some((guest, _place)) = self.pools.place(head.uri.path() == HEALTH) else {
                return busy("every instance is busy");
            };
            let _running = self.running.subscribe();
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
fn failure(error: &wasmtime::Error) -> Answer {
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
pub fn busy(detail: &str) -> Answer {
    let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, detail);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// An error from the host, in the same form as the component's.
fn problem(status: StatusCode, detail: &str) -> Answer {
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
