//! The component: five endpoints and two documents behind one flat route table.
//!
//! Spin creates an instance for every request and drops it after the answer, so no static
//! outlives a request; what a replica has to remember is in `state`.

mod accept;
mod admission;
pub mod answer;
mod documents;
mod fail;
mod guard;
mod health;
mod keys;
#[cfg(target_arch = "wasm32")]
mod libc;
#[cfg(target_arch = "wasm32")]
mod memory;
pub mod parity;
pub mod problem;
mod quit;
mod state;
mod wait;

use answer::Answer;
use problem::Problem;
use spin_sdk::http::{IncomingRequest, Method, ResponseOutparam};
use std::mem::ManuallyDrop;

wit_bindgen::generate!({ path: "wit", world: "system", generate_all });

/// The methods of an endpoint that only reads, as its `Allow` header names them.
const GET: &str = "GET, HEAD, OPTIONS";
/// The methods of an endpoint that changes the replica.
const POST: &str = "POST, OPTIONS";

/// The entry point, `wasi:http/incoming-handler`.
///
/// This is the SDK's low-level form: its `Router`, `Request` and `Response` would cost several
/// times the instructions and twice the bytes. The request's body is never read.
#[spin_sdk::http_component]
async fn handle(request: IncomingRequest, response: ResponseOutparam) {
    let request = ManuallyDrop::new(request);
    let target = request.path_with_query().unwrap_or_default();
    answer(&request, &target).unwrap_or_else(Answer::from).send(response);
}

/// What answers a path, given the request and its query.
type Endpoint = fn(&IncomingRequest, &str) -> Result<Answer, Problem>;

/// The route table: the methods of a path, and what answers it.
pub fn route(path: &str) -> Option<(&'static str, Endpoint)> {
    Some(match path {
        "/parity" => (GET, parity::parity),
        "/wait" => (GET, wait::wait),
        "/health" => (GET, health::health),
        "/fail" => (POST, fail::fail),
        "/quit" => (POST, quit::quit),
        "/" => (GET, documents::page),
        "/openapi.json" => (GET, documents::openapi),
        _ => return None,
    })
}

/// A request's target as its path and its query, neither of them decoded.
pub fn split(target: &str) -> (&str, &str) {
    target.split_once('?').unwrap_or((target, ""))
}

/// The rules of HTTP that apply to every route.
fn answer(request: &IncomingRequest, target: &str) -> Result<Answer, Problem> {
    let (path, query) = split(target);
    let (allow, endpoint) = route(path).ok_or(Problem::NotFound)?;
    let allowed = match request.method() {
        Method::Options => return Ok(Answer::empty(204).with_header("allow", allow)),
        // HEAD is answered like GET; the host leaves out the body.
        Method::Get | Method::Head => allow == GET,
        Method::Post => allow == POST,
        _ => false,
    };
    if !allowed {
        return Err(Problem::MethodNotAllowed { allow });
    }
    if allow == POST {
        guard::check(request)?;
    }
    endpoint(request, query)
}
