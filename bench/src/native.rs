//! The baseline: hyper alone, with the component's answer to `/parity`.

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
            let answer = service_fn(async |request| answer(request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    })
}

fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let int = request.uri().query().and_then(|query| query.strip_prefix("int="));
    let (status, body) = match int.and_then(|int| int.bytes().last()) {
        Some(digit @ b'0'..=b'9') if digit % 2 == 0 => (StatusCode::OK, "even"),
        Some(b'0'..=b'9') => (StatusCode::OK, "odd"),
        _ => (StatusCode::BAD_REQUEST, "int is not an integer"),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=UTF-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    Ok(response)
}
