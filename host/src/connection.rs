//! One connection, from its first byte to its last.

use crate::handler::{HEALTH, Handler, busy};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use std::convert::Infallible;
use std::io::{Read, Write};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{SetOnce, oneshot, watch};
use tokio::time::sleep;
use tokio_io_timeout::TimeoutWriter;

/// How long the first request on a connection may be on its way when the server stops. hyper would close
/// the connection at once.
pub const LATE: Duration = Duration::from_secs(1);

/// Sent to a client before it has made a request, when its connection has to make way for another. Its request may be
/// on its way: without this, 11 to 109 of 400 clients that came at once got no answer (`few_descriptors_…`).
const GIVE_WAY: &str = "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n\
    content-length: 0\r\n\r\n";

/// Serves a connection until its client closes it, or until the server stops.
pub async fn serve(handler: Arc<Handler>, stream: TcpStream, stop: watch::Receiver<bool>) {
    let builder = builder(&handler);
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(handler.timeout));
    let asked = SetOnce::new();
    let service = service_fn(|request: Request<Incoming>| {
        let _ = asked.set(());
        let handler = handler.clone();
        async move { Ok::<_, Infallible>(handler.answer(request, true).await) }
    });
    let connection = builder.serve_connection(TokioIo::new(Box::pin(stream)), service);
    until_stop(pin!(connection), stop, &asked).await;
}

/// Serves a connection that is beyond the limit: a probe is answered, any other request refused, and
/// neither's body is waited for. Sets `asked` when the request has come, and ends when told to `leave`.
pub async fn refuse(
    handler: Arc<Handler>,
    stream: TcpStream,
    stop: watch::Receiver<bool>,
    asked: Arc<SetOnce<()>>,
    leave: oneshot::Receiver<()>,
) {
    let mut builder = builder(&handler);
    let service = service_fn(|request: Request<Incoming>| {
        let _ = asked.set(());
        let handler = handler.clone();
        async move {
            Ok::<_, Infallible>(match request.uri().path() {
                HEALTH => handler.answer(request, false).await,
                _ => busy("too many connections"),
            })
        }
    });
    let builder = builder.keep_alive(false);
    let mut connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        () = until_stop(Pin::new(&mut connection), stop, &asked) => return,
        _ = leave => {}
    }
    let stream = connection.into_parts().io.into_inner().into_std();
    if let Ok(mut stream) = stream
        && !asked.initialized()
    {
        // Unread bytes would reset the connection, and could take the answer with it.
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(GIVE_WAY.as_bytes());
    }
}

fn builder(handler: &Handler) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(handler.timeout).half_close(true);
    builder
}

/// Drives a connection to its end, which comes with its next answer once the server stops.
async fn until_stop(
    mut connection: Pin<&mut impl GracefulConnection>,
    mut stop: watch::Receiver<bool>,
    asked: &SetOnce<()>,
) {
    // A broken connection concerns only its client.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => {}
    }
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = asked.wait() => {}
        () = sleep(LATE) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
