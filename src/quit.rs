//! `POST /quit`: poisons the replica and terminates it.

use crate::answer::Answer;
use crate::problem::Problem;
use crate::state;
use spin_sdk::http::IncomingRequest;

/// Poisons the replica; the lifeline or the embedded host, which watch its state, then end it.
pub fn quit(_: &IncomingRequest, _query: &str) -> Result<Answer, Problem> {
    state::quit()?;
    Ok(Answer::empty_object(202).with_replica())
}
