//! The documents: who gets which, in what form, and how often.

use crate::support::{Answer, server};
use flate2::read::GzDecoder;
use std::io::read_to_string;

const PAGE: &str = include_str!("../src/page.html");
const OPENAPI: &str = include_str!("../src/openapi.json");

/// What Chromium sends.
const BROWSER: (&str, &str) = (
    "accept",
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
);

fn text(answer: &Answer) -> String {
    match answer.header("content-encoding") {
        "gzip" => read_to_string(GzDecoder::new(&answer.bytes[..])).unwrap(),
        _ => answer.body.clone(),
    }
}

#[tokio::test]
async fn a_browser_gets_the_page_and_everyone_else_a_list() {
    let (api, _host) = server().await;
    for accept in ["", "*/*", "application/json", "text/html;q=0.5, text/plain", "text/html;q=0"] {
        let answer = api.send_with("GET", "/", &[("accept", accept)]).await;
        assert_eq!(answer.header("content-type"), "text/plain; charset=UTF-8", "{accept}");
        assert_eq!(answer.header("vary"), "accept, accept-encoding");
        assert!(
            answer.body.contains("\nPOST /fail          Poisons the replica"),
            "{}",
            answer.body
        );
    }
    let answer = api.send_with("GET", "/", &[BROWSER]).await;
    assert!(answer.status == 200 && answer.body == PAGE);
    assert_eq!(answer.header("vary"), "accept, accept-encoding");
}

#[tokio::test]
async fn a_document_is_compressed_for_clients_that_accept_it() {
    let (api, _host) = server().await;
    for (path, content_type, whole) in
        [("/", "text/html; charset=UTF-8", PAGE), ("/openapi.json", "application/json", OPENAPI)]
    {
        for (accepted, encoding) in [
            ("", ""),
            ("identity", ""),
            ("gzip;q=0, *", ""),
            ("gzip", "gzip"),
            ("gzip, deflate, br, zstd", "gzip"),
            ("*", "gzip"),
        ] {
            let headers = [BROWSER, ("accept-encoding", accepted)];
            let answer = api.send_with("GET", path, &headers).await;
            assert_eq!((answer.status, answer.header("content-encoding")), (200, encoding));
            assert_eq!(answer.header("content-type"), content_type);
            assert_eq!(answer.header("content-length"), answer.bytes.len().to_string());
            assert!(encoding.is_empty() || answer.bytes.len() * 2 < whole.len());
            assert!(text(&answer) == whole, "{path} for {accepted}");
            let head = api.send_with("HEAD", path, &headers).await;
            assert_eq!((head.status, head.body.as_str()), (200, ""));
            assert_eq!(head.header("content-length"), answer.header("content-length"));
        }
    }
}

#[tokio::test]
async fn a_document_that_the_client_has_is_not_sent_again() {
    let (api, _host) = server().await;
    for path in ["/", "/openapi.json"] {
        let first = api.send_with("GET", path, &[BROWSER]).await;
        assert_eq!(first.header("cache-control"), "no-cache");
        let etag = first.header("etag");
        let strong = etag.trim_start_matches("W/");
        for (known, status) in [
            (etag, 304),
            (strong, 304),
            (&format!("\"x\", {etag}"), 304),
            ("*", 304),
            ("\"x\"", 200),
            ("x", 200),
            ("", 200),
        ] {
            let headers = [BROWSER, ("if-none-match", known)];
            let answer = api.send_with("GET", path, &headers).await;
            assert_eq!((answer.status, answer.body.is_empty()), (status, status == 304), "{known}");
            for name in ["etag", "cache-control", "vary"] {
                assert_eq!(answer.header(name), first.header(name), "{name} of {path}");
            }
        }
    }
}

#[tokio::test]
async fn pages_of_any_origin_may_read_only_the_openapi_document() {
    let (api, _host) = server().await;
    for (path, allowed) in [("/openapi.json", "*"), ("/", ""), ("/health", ""), ("/nope", "")] {
        let answer = api.send_with("GET", path, &[BROWSER, ("origin", "http://there")]).await;
        assert_eq!(answer.header("access-control-allow-origin"), allowed, "{path}");
    }
}

#[tokio::test]
async fn the_page_may_do_little() {
    let (api, _host) = server().await;
    let answer = api.send_with("GET", "/", &[BROWSER]).await;
    assert!(PAGE.len() <= 18 << 10, "{} bytes", PAGE.len());
    let packed = api.send_with("GET", "/", &[BROWSER, ("accept-encoding", "gzip")]).await;
    assert!(packed.bytes.len() <= 7500, "{} bytes", packed.bytes.len());
    for (name, value) in [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "clipboard-write=(self)"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
}
