//! Any text as a request's target.
#![no_main]

use http::uri::PathAndQuery;
use libfuzzer_sys::fuzz_target;
use spin_on_k8s::{route, split};

const PATHS: [&str; 7] =
    ["/parity", "/wait", "/health", "/fail", "/quit", "/", "/openapi.json"];

fuzz_target!(|target: &str| {
    let (path, query) = split(target);
    if target.contains('?') {
        assert_eq!(format!("{path}?{query}"), target);
    } else {
        assert_eq!((path, query), (target, ""));
    }
    assert!(!path.contains('?'));
    for path in [path, target] {
        assert_eq!(route(path).is_some(), PATHS.contains(&path), "{path:?}");
    }
    // `PathAndQuery` drops a fragment, which no request has.
    if target.starts_with('/')
        && !target.contains('#')
        && let Ok(parsed) = PathAndQuery::try_from(target)
    {
        assert_eq!((path, query), (parsed.path(), parsed.query().unwrap_or("")));
    }
});
