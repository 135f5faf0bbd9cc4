//! `POST /fail`: poisons the replica.

use crate::answer::Answer;
use crate::problem::Problem;
use crate::replica;
use spin_sdk::http::IncomingRequest;

/// Makes `/health` fail from now on. All other endpoints keep working. It may be repeated.
pub fn fail(_: &IncomingRequest, _query: &str) -> Result<Answer, Problem> {
    if !replica::is_poisoned()? {
        replica::fail()?;
    }
    Ok(replica::sign(Answer::empty_object(200)))
}
