//! The baseline: hyper alone, with the component's answers to `/parity` and `/health`.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use tokio::net::TcpListener;

/// Serves at the address that is its only argument, until it is killed.
fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_default();
    tokio::runtime::Builder::new_multi_thread().enable_io().build()?.block_on(async {
        let listener = TcpListener::bind(address).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let connection = http1::Builder::new().serve_connection(
                TokioIo::new(stream),
                service_fn(async |request| answer(request)),
            );
            tokio::spawn(connection);
        }
    })
}

fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let uri = request.uri();
    let int = uri.query().and_then(|query| query.strip_prefix("int="));
    let (status, content_type, body) = match (uri.path(), int) {
        ("/parity", Some(int)) => match int.bytes().last() {
            Some(digit @ b'0'..=b'9') if digit % 2 == 0 => {
                (200, "text/plain; charset=UTF-8", "even")
            }
            Some(b'0'..=b'9') => (200, "text/plain; charset=UTF-8", "odd"),
            _ => (400, "application/json", r#"{"error":"400 - Bad Request"}"#),
        },
        ("/health", _) => (200, "text/plain", "OK"),
        _ => (404, "application/json", r#"{"error":"404 - Resource Not Found"}"#),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    Ok(response)
}
