//! `POST /quit`: poisons the replica and terminates it.

use crate::answer::Answer;
use crate::problem::Problem;
use crate::state;
use spin_sdk::http::IncomingRequest;

/// Answers in full, then exits.
///
/// The order matters: a guest that exits before its answer is complete leaves the client with an
/// empty 500 or a truncated body. What the exit ends is up to the host: the embedded host ends with
/// its guest; Spin drops the instance and lives on.
pub fn quit(_: &IncomingRequest, _query: &str) -> Result<Answer, Problem> {
    state::quit()?;
    Ok(Answer::empty_object(202).with_replica().and_exit())
}
