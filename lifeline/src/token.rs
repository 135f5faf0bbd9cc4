//! What to log about a replica's `chaos_token` at startup.

/// A warning, if `token` lets everyone or nobody fail and quit the replica.
pub fn warning(token: &str) -> Option<&'static str> {
    if token.is_empty() {
        Some("chaos_token is not set: anyone who reaches this replica can fail and quit it")
    } else if token.trim().is_empty() {
        Some("chaos_token is nothing but white space: nobody can fail or quit this replica")
    } else {
        None
    }
}
