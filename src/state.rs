//! The replica's state: keys in a key-value store, absent as long as it is alive.
//!
//! It cannot be a global variable, as it is in R: the instance that poisons the replica is gone
//! before the next request. Whether the state outlives the process depends on the store: the embedded
//! host keeps it in memory, and `spin up` keeps it in `.spin/` unless told otherwise.
//!
//! Requests only ever set keys, so none can undo what another does at the same time.

use crate::keys::{FAILED, QUIT, STORE};
use crate::wasi::keyvalue::store::{self, Bucket, Error};
use std::mem::ManuallyDrop;

/// Opens the store.
///
/// What a guest holds of its host is gone when its instance is. To drop it before would be one more
/// call for each request, and one more import to look up.
pub fn open() -> Result<ManuallyDrop<Bucket>, Error> {
    store::open(STORE).map(ManuallyDrop::new)
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

/// Poisons the replica, has the lifeline end it, and logs that.
pub fn quit() -> Result<(), Error> {
    let bucket = open()?;
    bucket.set(FAILED, b"")?;
    bucket.set(QUIT, b"")?;
    eprintln!("state: quit; terminating");
    Ok(())
}
