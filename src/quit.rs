//! `POST /quit`: poisons the replica and gets it terminated.

use crate::answer::Answer;
use crate::problem::Problem;
use crate::replica;
use spin_sdk::http::IncomingRequest;

/// Asks whatever watches the replica's state to end it: the lifeline on the shim, or the embedded host
/// itself. Nothing watches under `spin up`, so there the replica keeps running, poisoned.
///
/// A guest cannot end its host, and one that exits leaves its client with an empty 500 or, after a
/// complete answer, an error in Spin's log.
pub fn quit(_: &IncomingRequest, _query: &str) -> Result<Answer, Problem> {
    replica::quit()?;
    Ok(replica::sign(Answer::empty_object(202)))
}
