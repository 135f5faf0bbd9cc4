//! A small service: one address for all pods that are ready, and a proxy in front of it.

use crate::kubelet::Pods;
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

/// The client whose request a proxy has forwarded.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The ready endpoints, as they were a moment ago.
#[derive(Default)]
pub struct Service {
    endpoints: Mutex<Vec<SocketAddr>>,
    turn: AtomicUsize,
}

impl Service {
    /// A service that hears of every change to `pods` after `propagation`.
    pub fn new(mut pods: watch::Receiver<Pods>, propagation: Duration) -> Arc<Self> {
        let service = Arc::new(Self::default());
        let heard = service.clone();
        tokio::spawn(async move {
            pods.mark_changed();
            while pods.changed().await.is_ok() {
                let pods = pods.borrow_and_update().clone();
                let heard = heard.clone();
                tokio::spawn(async move {
                    sleep(propagation).await;
                    let ready = pods.values().filter(|pod| pod.is_endpoint());
                    *heard.lock() = ready.filter_map(|pod| pod.address).collect();
                });
            }
        });
        service
    }

    /// No holder of the lock can panic, so it cannot be poisoned.
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<SocketAddr>> {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next endpoint that is not `refusing`.
    fn next(&self, refusing: Option<SocketAddr>) -> io::Result<SocketAddr> {
        let mut endpoints = self.lock().clone();
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
                    Ok::<_, Infallible>(answer.map(|it| it.map(Either::Left)).unwrap_or_else(
                        |_| {
                            let text = Full::new(Bytes::from_static(b"No replica is ready.\n"));
                            let mut answer = Response::new(Either::Right(text));
                            *answer.status_mut() = StatusCode::BAD_GATEWAY;
                            let second = HeaderValue::from_static("1");
                            answer.headers_mut().insert(header::REFRESH, second);
                            answer
                        },
                    ))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), forward));
        }
    }

    async fn forward(
        &self,
        mut request: Request<Incoming>,
        client: IpAddr,
        prefix: &str,
    ) -> anyhow::Result<Response<Incoming>> {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let target = target.strip_prefix(prefix).unwrap_or(target).trim_start_matches('/');
        *request.uri_mut() = format!("/{target}").parse::<Uri>()?;
        let headers = request.headers_mut();
        headers.remove(header::CONNECTION);
        headers.append(FORWARDED_FOR, HeaderValue::try_from(client.to_string())?);
        let (stream, _) = self.connect(true).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender.send_request(request).await?)
    }
}
