//! The component: five endpoints and two documents behind one flat route table.
//!
//! Spin creates an instance for every request and drops it after the answer, so no static
//! outlives a request; what a replica has to remember is in `replica`.

mod answer;
mod documents;
mod fail;
mod guard;
mod health;
#[cfg(target_arch = "wasm32")]
mod libc;
mod parity;
mod problem;
mod query;
mod quit;
mod replica;
mod wait;
mod wait_limit;

use answer::Answer;
use problem::Problem;
use spin_sdk::http::{IncomingRequest, Method, ResponseOutparam};

wit_bindgen::generate!({ path: "wit", world: "system", generate_all });

/// What answers a path, given the request and its query.
type Endpoint = fn(&IncomingRequest, &str) -> Result<Answer, Problem>;

/// What an endpoint does to the replica, which decides its methods and who may use it.
#[derive(Clone, Copy)]
enum Effect {
    Reads,
    Changes,
}
use Effect::{Changes, Reads};

impl Effect {
    /// The methods, as the header `Allow` names them.
    const fn allow(self) -> &'static str {
        match self {
            Reads => "GET, HEAD, OPTIONS",
            Changes => "POST, OPTIONS",
        }
    }
}

/// The route table: a path, and what answers it.
const ROUTES: &[(&str, Effect, Endpoint)] = &[
    ("/parity", Reads, parity::parity),
    ("/wait", Reads, wait::wait),
    ("/health", Reads, health::health),
    ("/fail", Changes, fail::fail),
    ("/quit", Changes, quit::quit),
    ("/", Reads, documents::page),
    ("/openapi.json", Reads, documents::openapi),
];

/// The entry point, `wasi:http/incoming-handler`.
///
/// This is the SDK's low-level form: its `Router`, `Request` and `Response` would cost several
/// times the instructions and twice the bytes. The request's body is never read.
#[spin_sdk::http_component]
async fn handle(request: IncomingRequest, response: ResponseOutparam) {
    let target = request.path_with_query().unwrap_or_default();
    answer(&request, &target).unwrap_or_else(Answer::from).send(response);
}

/// The rules of HTTP that apply to every route.
fn answer(request: &IncomingRequest, target: &str) -> Result<Answer, Problem> {
    // Neither is decoded, so an encoded path is not found.
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let route = ROUTES.iter().find(|(known, ..)| *known == path);
    let &(_, effect, endpoint) = route.ok_or(Problem::NotFound)?;
    let allow = effect.allow();
    match (request.method(), effect) {
        (Method::Options, _) => return Ok(Answer::empty(204).with_header("allow", allow)),
        // HEAD is answered like GET; the host leaves out the body.
        (Method::Get | Method::Head, Reads) => {}
        (Method::Post, Changes) => guard::check(request)?,
        _ => return Err(Problem::MethodNotAllowed { allow }),
    }
    endpoint(request, query)
}

#[cfg(test)]
mod tests {
    use super::{Changes, ROUTES, Reads};
    use serde_json::Value;
    use std::collections::BTreeSet;

    #[test]
    fn the_openapi_document_has_every_route_and_no_other() {
        let openapi: Value = serde_json::from_str(include_str!("openapi.json")).unwrap();
        let mut documented = BTreeSet::new();
        for (path, item) in openapi["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                let allows = [Reads, Changes].map(|effect| effect.allow());
                let allow = allows.iter().find(|it| it.starts_with(&method.to_uppercase()));
                documented.insert((path.as_str(), *allow.unwrap()));
            }
        }
        let routes = ROUTES.iter().map(|&(path, effect, _)| (path, effect.allow()));
        assert_eq!(routes.collect::<BTreeSet<_>>(), documented);
    }
}
