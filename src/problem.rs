//! What can be wrong with a request or a replica, and how the client is told.

use crate::answer::Answer;
use crate::replica;
use crate::wasi::keyvalue::store;
use serde::Serialize;

/// A reason to answer with an error. The JSON shape and the titles are those of R's plumber.
#[derive(Debug)]
pub enum Problem {
    /// The request is at fault; the string says what was wrong, with the value.
    BadRequest(String),
    /// The request lacks the token that its endpoint requires.
    Unauthorized,
    /// A page of another origin made the browser send the request.
    Forbidden,
    /// No such path.
    NotFound,
    /// The path exists, but not for this method; `allow` lists the methods that it has.
    MethodNotAllowed { allow: &'static str },
    /// The replica is at fault; the string says how.
    Internal(String),
    /// The replica has too much to do; `retry_after` says in how many seconds to come back.
    Busy { retry_after: u64, detail: String },
}

/// The body of every error.
#[derive(Serialize)]
struct Body {
    error: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        let json = |status, error, detail| Self::json(status, &Body { error, detail });
        match problem {
            Problem::BadRequest(detail) => json(400, "400 - Bad Request", Some(detail)),
            Problem::Unauthorized => replica::sign(json(401, "401 - Unauthorized", None))
                .with_header("www-authenticate", "Bearer"),
            Problem::Forbidden => {
                let detail = "a page of another origin may not do this; if it is this server's own page, \
                    a proxy has replaced Host, and must pass it on (nginx: proxy_set_header Host $http_host)";
                replica::sign(json(403, "403 - Forbidden", Some(detail.into())))
            }
            Problem::NotFound => json(404, "404 - Resource Not Found", None),
            Problem::MethodNotAllowed { allow } => {
                json(405, "405 - Method Not Allowed", None).with_header("allow", allow)
            }
            Problem::Internal(detail) => {
                replica::sign(json(500, "500 - Internal server error", Some(detail)))
            }
            Problem::Busy { retry_after, detail } => {
                json(503, "503 - Service Unavailable", Some(detail))
                    .with_header("retry-after", &retry_after.to_string())
            }
        }
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        Self::Internal(format!("the replica's state is unavailable: {error}"))
    }
}
