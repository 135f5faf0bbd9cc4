//! The guard of the kill switch. It refuses pages of other origins, and requires a bearer token if
//! the replica was given one.

use crate::problem::Problem;
use spin_sdk::http::IncomingRequest;
use spin_sdk::variables;
use subtle::ConstantTimeEq;

/// Lets `request` pass if the variable `chaos_token` is empty, or if the request carries it as
/// `Authorization: Bearer <token>` (RFC 6750); but never if a browser says that a page of another
/// origin sent it.
///
/// White space around the token does not count: a secret made from a file ends with a line break,
/// which no client could send. A token that is only white space, or that cannot be read, lets nobody
/// pass.
pub fn check(request: &IncomingRequest) -> Result<(), Problem> {
    let headers = request.headers();
    let (site, origin) = (headers.get("sec-fetch-site"), headers.get("origin"));
    if is_cross_origin(&site, &origin, request.authority().as_deref()) {
        return Err(Problem::Forbidden);
    }
    let token = variables::get("chaos_token")
        .map_err(|error| Problem::Internal(format!("chaos_token is unavailable: {error}")))?;
    if token.is_empty() || permits(token.trim(), &headers.get("authorization")) {
        return Ok(());
    }
    Err(Problem::Unauthorized)
}

/// Whether a browser says that the request comes from a page of an origin other than `host`. It says
/// so in `Sec-Fetch-Site` (Fetch Metadata) or, where it does not send that, as over plain HTTP, in
/// `Origin`.
///
/// Other clients, such as curl or a kubelet, send neither.
///
/// `X-Forwarded-Host` does not count, although a proxy that replaces `Host` may put the original there:
/// a page can set it too, if some proxy's preflight response allows it. A proxy has to
/// pass `Host` on.
fn is_cross_origin(site: &[Vec<u8>], origin: &[Vec<u8>], host: Option<&str>) -> bool {
    match (site, origin) {
        ([], []) => false,
        ([], [origin]) => {
            let origin = std::str::from_utf8(origin).ok();
            !origin.zip(host).is_some_and(|(origin, host)| is_origin_of(origin, host))
        }
        ([site], _) => !matches!(site.as_slice(), b"same-origin" | b"none"),
        _ => true,
    }
}

/// Whether `origin` is `host` with a scheme in front. Either may leave out the scheme's own port: a
/// browser does, a proxy need not. Which scheme it is does not matter, since TLS may end at a proxy.
fn is_origin_of(origin: &str, host: &str) -> bool {
    [("http://", ":80"), ("https://", ":443")].into_iter().any(|(scheme, port)| {
        let bare = |authority| str::strip_suffix(authority, port).unwrap_or(authority);
        let is_host = |authority| bare(authority).eq_ignore_ascii_case(bare(host));
        origin.strip_prefix(scheme).is_some_and(is_host)
    })
}

/// Whether `credentials` has exactly one value, and that is the bearer `token`, which is not empty.
///
/// The time that the comparison takes reveals nothing about the token but its length.
fn permits(token: &str, credentials: &[Vec<u8>]) -> bool {
    let [credentials] = credentials else { return false };
    match credentials.split_at_checked("Bearer ".len()) {
        Some((scheme, given)) => {
            scheme.eq_ignore_ascii_case(b"Bearer ")
                && !token.is_empty()
                && given.ct_eq(token.as_bytes()).into()
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    fn values(values: &[&str]) -> Vec<Vec<u8>> {
        values.iter().map(|value| value.as_bytes().to_vec()).collect()
    }

    #[test]
    fn only_the_token_is_permitted() {
        let permits = |credentials: &[&str]| super::permits("sesame", &values(credentials));
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
        assert!(!super::permits("", &values(&["Bearer "])));
    }

    #[test]
    fn a_browser_tells_where_a_request_comes_from() {
        let refused = |site: &[&str], origin: &[&str]| {
            super::is_cross_origin(&values(site), &values(origin), Some("Here:8000"))
        };
        assert!(!refused(&[], &[]));
        assert!(!refused(&["same-origin"], &["http://here:8000"]));
        assert!(!refused(&["none"], &[]));
        assert!(!refused(&[], &["http://here:8000"]));
        assert!(!refused(&[], &["https://HERE:8000"]));
        // Behind a proxy that does not forward `Host`, the browser knows better.
        assert!(!refused(&["same-origin"], &["https://there"]));
        assert!(refused(&["same-site"], &["http://here:8000"]));
        assert!(refused(&["cross-site"], &[]));
        assert!(refused(&["same-origin", "cross-site"], &[]));
        assert!(refused(&[], &["http://here:8001"]));
        assert!(refused(&[], &["http://here"]));
        assert!(refused(&[], &["null"]));
        assert!(refused(&[], &[""]));
        assert!(refused(&[], &["http://here:8000", "http://here:8000"]));
        assert!(super::is_cross_origin(&[], &values(&["http://here:8000"]), None));
    }

    #[test]
    fn a_default_port_is_no_other_origin() {
        use super::is_origin_of;
        assert!(is_origin_of("http://lab.example", "lab.example:80"));
        assert!(is_origin_of("http://lab.example:80", "lab.example"));
        assert!(is_origin_of("https://lab.example", "LAB.example:443"));
        assert!(is_origin_of("https://Lab.Example:443", "lab.example"));
        assert!(is_origin_of("http://[::1]", "[::1]:80"));
        assert!(is_origin_of("https://[FE80::80]:443", "[fe80::80]"));
        assert!(!is_origin_of("http://lab.example", "lab.example:443"));
        assert!(!is_origin_of("https://lab.example", "lab.example:80"));
        assert!(!is_origin_of("http://lab.example:8080", "lab.example"));
        assert!(!is_origin_of("http://lab.example", "lab.example:8080"));
        assert!(!is_origin_of("http://[::1]", "[::2]:80"));
        assert!(!is_origin_of("http://[fe80::80]", "[fe80:]"));
        assert!(!is_origin_of("ftp://lab.example", "lab.example"));
        assert!(!is_origin_of("lab.example", "lab.example"));
    }
}
