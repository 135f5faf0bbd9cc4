//! `POST /fail`: poisons the replica.

use crate::answer::Answer;
use crate::problem::Problem;
use crate::state;
use spin_sdk::http::IncomingRequest;

/// Makes `/health` fail from now on. All other endpoints keep working. It may be repeated.
pub fn fail(_: &IncomingRequest, _query: &str) -> Result<Answer, Problem> {
    if !state::is_poisoned()? {
        state::fail()?;
    }
    Ok(Answer::empty_object(200).with_replica())
}
