//! The guard of the kill switch: a bearer token, if the replica was given one.

use crate::problem::Problem;
use spin_sdk::http::IncomingRequest;
use spin_sdk::variables;
use subtle::ConstantTimeEq;

/// Lets `request` pass if the variable `chaos_token` is empty, or if the request carries it as
/// `Authorization: Bearer <token>` (RFC 6750).
///
/// A token that cannot be read lets nobody pass.
pub fn check(request: &IncomingRequest) -> Result<(), Problem> {
    let token = variables::get("chaos_token")
        .map_err(|error| Problem::Internal(format!("chaos_token is out of reach: {error}")))?;
    if token.is_empty() || permits(&token, &request.headers().get("authorization")) {
        return Ok(());
    }
    Err(Problem::Unauthorized)
}

/// Whether the only one of `credentials` is `token`.
///
/// How long the comparison takes tells nothing of the token but its length.
fn permits(token: &str, credentials: &[Vec<u8>]) -> bool {
    let [credentials] = credentials else { return false };
    match credentials.split_at_checked("Bearer ".len()) {
        Some((scheme, given)) => {
            scheme.eq_ignore_ascii_case(b"Bearer ") && given.ct_eq(token.as_bytes()).into()
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::permits;

    #[test]
    fn only_the_token_is_permitted() {
        let permits = |credentials: &[&str]| {
            let credentials: Vec<_> = credentials.iter().map(|c| c.as_bytes().to_vec()).collect();
            permits("sesame", &credentials)
        };
        assert!(permits(&["Bearer sesame"]));
        assert!(permits(&["bearer sesame"]));
        assert!(!permits(&[]));
        assert!(!permits(&[""]));
        assert!(!permits(&["sesame"]));
        assert!(!permits(&["Bearer "]));
        assert!(!permits(&["Bearer sesam"]));
        assert!(!permits(&["Bearer sesame "]));
        assert!(!permits(&["Bearer sesames"]));
        assert!(!permits(&["Basic sesame"]));
        assert!(!permits(&["Bearer sesame", "Bearer sesame"]));
    }
}
