//! `POST /fail`: poisons the replica.

use crate::answer::Answer;
use crate::problem::Problem;
use crate::state::State;

/// Makes `/health` fail from now on. All other endpoints go on; it may be repeated.
pub fn fail(_query: &str) -> Result<Answer, Problem> {
    if !State::is_poisoned()? {
        State::Failed.set()?;
    }
    Ok(Answer::empty_object(200).with_replica())
}
