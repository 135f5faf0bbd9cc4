//! The replica's state: one key in the store `default`; absent means alive.
//!
//! It cannot be a global variable, as it is in R: the instance that poisons the replica is gone
//! before the next request. Whether the state outlives the process is the store's to say: the
//! embedded host keeps it in memory, `spin up` in `.spin/` unless told otherwise.

use spin_sdk::key_value::{Error, Store};

const KEY: &str = "state";

/// What has been done to the replica.
#[derive(Clone, Copy)]
pub enum State {
    Failed,
    Quit,
}

impl State {
    /// Whether anything has been done to the replica.
    pub fn is_poisoned() -> Result<bool, Error> {
        Ok(Store::open_default()?.get(KEY)?.is_some())
    }

    /// Makes this the replica's state and logs the change.
    pub fn set(self) -> Result<(), Error> {
        let (value, consequence) = match self {
            Self::Failed => ("failed", "its /health fails from now on"),
            Self::Quit => ("quit", "it terminates"),
        };
        Store::open_default()?.set(KEY, value.as_bytes())?;
        eprintln!("state: {value}; {consequence}");
        Ok(())
    }
}
