//! The component: five endpoints behind one flat route table.
//!
//! Spin creates an instance for every request and drops it after the answer, so no static
//! outlives a request; what a replica has to remember is in `state`.

mod answer;
mod fail;
mod guard;
mod health;
mod parity;
mod problem;
mod quit;
mod state;
mod wait;

use answer::Answer;
use problem::Problem;
use spin_sdk::http::{IncomingRequest, Method, ResponseOutparam};

/// The methods of an endpoint that only reads, as its `Allow` header names them.
const GET: &str = "GET, HEAD, OPTIONS";
/// The methods of an endpoint that changes the replica.
const POST: &str = "POST, OPTIONS";

/// The entry point, `wasi:http/incoming-handler`.
///
/// This is the SDK's low-level form: its `Router`, `Request` and `Response` would cost several
/// times the instructions and twice the bytes. A body is never asked for, so any is ignored.
#[spin_sdk::http_component]
async fn handle(request: IncomingRequest, response: ResponseOutparam) {
    let target = request.path_with_query().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    route(&request, path, query).unwrap_or_else(Answer::from).send(response);
}

/// The route table, and the rules of HTTP that hold for every route.
fn route(request: &IncomingRequest, path: &str, query: &str) -> Result<Answer, Problem> {
    type Endpoint = fn(&str) -> Result<Answer, Problem>;
    let (allow, endpoint): (_, Endpoint) = match path {
        "/parity" => (GET, parity::parity),
        "/wait" => (GET, wait::wait),
        "/health" => (GET, health::health),
        "/fail" => (POST, fail::fail),
        "/quit" => (POST, quit::quit),
        _ => return Err(Problem::NotFound),
    };
    let allowed = match request.method() {
        Method::Options => return Ok(Answer::no_content().with_header("allow", allow)),
        // The answer to HEAD is that to GET; the host leaves its body out.
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
    endpoint(query)
}
