//! The Spin SDK's hello-world, in the style of its template, with the answer of `/parity?int=7`.

use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::http_component;

#[http_component]
fn handle(_request: Request) -> anyhow::Result<impl IntoResponse> {
    Ok(Response::builder()
        .status(200)
        .header("content-type", "text/plain; charset=UTF-8")
        .body("odd")
        .build())
}
