//! Where the state of a replica is kept: what the component and the lifeline have to agree on.

/// The key-value store.
pub const STORE: &str = "default";

/// A key that is there once the replica is poisoned.
pub const FAILED: &str = "failed";

/// A key that is there once the replica was told to quit.
pub const QUIT: &str = "quit";
