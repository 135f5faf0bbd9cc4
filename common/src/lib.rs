//! What the component, the lifeline and the embedded host must agree on.

/// The key-value store that keeps the state of a replica.
pub const STORE: &str = "default";

/// A key that exists once the replica is poisoned.
pub const FAILED: &str = "failed";

/// A key that exists once the replica has been told to quit.
pub const QUIT: &str = "quit";

/// The most bytes that `blocking-write-and-flush` takes at once (wasi:io/streams). With more, a guest traps.
pub const MAX_WRITE: usize = 4096;

/// What to log at startup, if a replica's `chaos_token` lets everyone or nobody fail and quit it.
pub fn token_warning(token: &str) -> Option<&'static str> {
    if token.is_empty() {
        Some("chaos_token is not set: anyone who reaches this replica can fail and quit it")
    } else if token.trim().is_empty() {
        Some("chaos_token is nothing but white space: nobody can fail or quit this replica")
    } else {
        None
    }
}
