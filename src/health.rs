//! `GET /health`: what the probes ask.

use crate::answer::Answer;
use crate::problem::Problem;
use crate::replica;
use spin_sdk::http::IncomingRequest;

/// Answers `OK` as long as nothing has been done to the replica.
///
/// A replica whose state cannot be read is not healthy either.
pub fn health(_: &IncomingRequest, _query: &str) -> Result<Answer, Problem> {
    if replica::is_poisoned()? {
        return Err(Problem::Internal("the replica is poisoned".into()));
    }
    Ok(replica::sign(Answer::new(200, "text/plain", b"OK").not_to_be_stored()))
}
