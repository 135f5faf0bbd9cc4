//! Where the state of a replica is kept: what the component and the lifeline must agree on.

/// The key-value store.
pub const STORE: &str = "default";

/// A key that exists once the replica is poisoned.
pub const FAILED: &str = "failed";

/// A key that exists once the replica has been told to quit.
pub const QUIT: &str = "quit";
