//! A small service: one address for all pods that are ready, and a proxy in front of it.

use crate::demo::container;
use crate::demo::kubelet::Pods;
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

/// The client whose request a proxy has forwarded.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The ready endpoints, as they were a moment ago.
pub struct Service {
    endpoints: watch::Receiver<Vec<SocketAddr>>,
    turn: AtomicUsize,
}

impl Service {
    /// A service that hears of every change to `pods`, in order, after `propagation`.
    pub fn new(mut pods: watch::Receiver<Pods>, propagation: Duration) -> Arc<Self> {
        let (heard, endpoints) = watch::channel(Vec::new());
        let (sender, mut changes) = mpsc::unbounded_channel();
        let tell = async move {
            loop {
                let ready = ready(&pods.borrow_and_update());
                let _ = sender.send((Instant::now() + propagation, ready));
                if pods.changed().await.is_err() {
                    return;
                }
            }
        };
        let hear = async move {
            while let Some((due, ready)) = changes.recv().await {
                sleep_until(due).await;
                heard.send_replace(ready);
            }
        };
        tokio::spawn(async { tokio::join!(tell, hear) });
        Arc::new(Self { endpoints, turn: AtomicUsize::new(0) })
    }

    /// The next endpoint that is not `refusing`.
    fn next(&self, refusing: Option<SocketAddr>) -> io::Result<SocketAddr> {
        let mut endpoints = self.endpoints.borrow().clone();
        endpoints.retain(|endpoint| Some(*endpoint) != refusing);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let next = endpoints.get(turn % endpoints.len().max(1));
        next.copied().ok_or_else(|| ErrorKind::NotFound.into())
    }

    /// Connects to the next endpoint or, if that refuses and `retry` is set, to another. Tells whether
    /// it had to.
    ///
    /// # Errors
    /// If no endpoint takes the connection.
    pub async fn connect(&self, retry: bool) -> io::Result<(TcpStream, bool)> {
        let first = self.next(None)?;
        match TcpStream::connect(first).await {
            Err(error) if retry && error.kind() == ErrorKind::ConnectionRefused => {
                Ok((TcpStream::connect(self.next(Some(first))?).await?, true))
            }
            result => Ok((result?, false)),
        }
    }

    /// Forwards every request that `listener` gets to the next endpoint, without `prefix`.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, prefix: &'static str) {
        loop {
            let Ok((stream, client)) = listener.accept().await else {
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            let service = self.clone();
            let forward = service_fn(move |request| {
                let service = service.clone();
                async move {
                    let answer = service.forward(request, client.ip(), prefix).await;
                    Ok::<_, Infallible>(answer.map_or_else(bad_gateway, |it| it.map(Either::Left)))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), forward));
        }
    }

    /// Forwards a request once. Only a connection that was refused is tried elsewhere, since what has
    /// been sent may have been done, too.
    async fn forward(
        &self,
        mut request: Request<Incoming>,
        client: IpAddr,
        prefix: &str,
    ) -> Result<Response<Incoming>, &'static str> {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let target = without(prefix, target).parse();
        *request.uri_mut() = target.map_err(|_| "The path has no meaning here.\n")?;
        let headers = request.headers_mut();
        headers.remove(header::CONNECTION);
        if let Ok(client) = HeaderValue::try_from(client.to_string()) {
            headers.append(FORWARDED_FOR, client);
        }
        let stream = self.connect(true).await;
        let (stream, _) = stream.map_err(|_| "No replica is ready.\n")?;
        let answer = container::send(stream, request).await;
        answer.map_err(|_| "The replica ended before it answered.\n")
    }
}

/// The addresses of the pods that are ready.
fn ready(pods: &Pods) -> Vec<SocketAddr> {
    pods.values().filter(|pod| pod.is_endpoint()).filter_map(|pod| pod.address).collect()
}

/// A target without a prefix of whole segments.
fn without(prefix: &str, target: &str) -> String {
    match target.strip_prefix(prefix) {
        Some(rest) if rest.starts_with('/') => rest.into(),
        Some(rest) if rest.is_empty() || rest.starts_with('?') => format!("/{rest}"),
        _ => target.into(),
    }
}

/// 502; a browser tries again in a second.
fn bad_gateway<B>(detail: &'static str) -> Response<Either<B, Full<Bytes>>> {
    let mut answer = Response::new(Either::Right(Full::from(detail)));
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    answer.headers_mut().insert(header::REFRESH, HeaderValue::from_static("1"));
    answer
}
