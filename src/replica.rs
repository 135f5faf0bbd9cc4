//! The replica: its name and its state.
//!
//! The state is two keys in a key-value store, both absent as long as the replica is alive. It cannot be
//! a global variable, as it is in R: the instance that poisons the replica is gone before the next
//! request. Whether the state outlives the process depends on the store: the embedded host keeps it in
//! memory, and `spin up` keeps it in `.spin/` unless told otherwise.
//!
//! Requests only ever set keys, so none can undo what another does at the same time.

use crate::answer::Answer;
use crate::wasi::keyvalue::store::{self, Bucket, Error};
use common::{FAILED, QUIT, STORE};
use spin_sdk::variables;

/// Adds the replica's name to an answer: the variable `hostname`, which on Kubernetes is the pod's name.
pub fn sign(answer: Answer) -> Answer {
    match variables::get("hostname") {
        Ok(name) if !name.bytes().any(|byte| byte.is_ascii_control()) => {
            answer.with_header("x-replica", &name)
        }
        _ => answer,
    }
}

/// Opens the store.
pub fn open() -> Result<Bucket, Error> {
    store::open(STORE)
}

/// Whether the replica has been failed or told to quit.
pub fn is_poisoned() -> Result<bool, Error> {
    open()?.exists(FAILED)
}

/// Poisons the replica, and logs that.
pub fn fail() -> Result<(), Error> {
    open()?.set(FAILED, b"")?;
    eprintln!("state: failed; its /health fails from now on");
    Ok(())
}

/// Poisons the replica, tells whatever watches its state to end it, and logs this.
pub fn quit() -> Result<(), Error> {
    let bucket = open()?;
    bucket.set(FAILED, b"")?;
    bucket.set(QUIT, b"")?;
    eprintln!("state: quit; terminating");
    Ok(())
}
