//! `GET /` and `GET /openapi.json`: the documents that the component carries.

use crate::answer::Answer;
use crate::problem::Problem;
use miniz_oxide::inflate::decompress_slice_iter_to_slice;
use spin_sdk::http::IncomingRequest;
use std::iter::once;
use std::ops::Range;

/// A document, prepared by the build script.
struct Document {
    /// The document as a gzip file.
    gzip: &'static [u8],
    /// Where the compressed data is in `gzip`.
    deflated: Range<usize>,
    /// Its length when decompressed.
    length: usize,
    /// Weak, because both encodings share it.
    etag: &'static str,
}

const PAGE: Document = include!(concat!(env!("OUT_DIR"), "/page.html.rs"));
const OPENAPI: Document = include!(concat!(env!("OUT_DIR"), "/openapi.json.rs"));

/// What a browser lets the page do: use its own script and style, and send requests to this server.
const POLICY: &str = concat!(
    "default-src 'none'; script-src '",
    env!("PAGE_SCRIPT"),
    "'; style-src '",
    env!("PAGE_STYLE"),
    "'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; ",
    "frame-ancestors 'none'",
);

/// What everyone but a browser gets.
const LIST: &str = include_str!(concat!(env!("OUT_DIR"), "/list.txt"));

/// Answers with the OpenAPI document.
pub fn openapi(request: &IncomingRequest, _query: &str) -> Result<Answer, Problem> {
    let openapi = document(request, OPENAPI, "application/json", "accept-encoding")?;
    // For viewers and editors on other origins; it reveals nothing about the replica.
    Ok(openapi.with_header("access-control-allow-origin", "*"))
}

/// Answers with the control room if the client prefers HTML by name, otherwise with a list.
pub fn page(request: &IncomingRequest, _query: &str) -> Result<Answer, Problem> {
    let vary = "accept, accept-encoding";
    if !prefers_html(&header(request, "accept")) {
        let list = Answer::new(200, "text/plain; charset=UTF-8", LIST.as_bytes());
        return Ok(list.with_header("cache-control", "no-cache").with_header("vary", vary));
    }
    let page = document(request, PAGE, "text/html; charset=UTF-8", vary)?;
    Ok(page
        .with_header("content-security-policy", POLICY)
        .with_header("cross-origin-opener-policy", "same-origin")
        .with_header("cross-origin-resource-policy", "same-origin")
        .with_header("permissions-policy", "clipboard-write=(self)")
        .with_header("referrer-policy", "no-referrer")
        .with_header("x-content-type-options", "nosniff")
        .with_header("x-frame-options", "DENY"))
}

/// Answers with a document: compressed, or decompressed for clients that do not accept gzip, or 304
/// for clients that have it already.
fn document(
    request: &IncomingRequest,
    Document { gzip, deflated, length, etag }: Document,
    content_type: &'static str,
    vary: &'static str,
) -> Result<Answer, Problem> {
    let answer = if has(&header(request, "if-none-match"), etag) {
        Answer::empty(304)
    } else if takes_gzip(&header(request, "accept-encoding")) {
        Answer::new(200, content_type, gzip).with_header("content-encoding", "gzip")
    } else {
        let mut text = vec![0; length];
        decompress_slice_iter_to_slice(&mut text, once(&gzip[deflated]), false, true)
            .map_err(|_| Problem::Internal("the document is damaged".into()))?;
        Answer::new(200, content_type, text)
    };
    Ok(answer
        .with_header("cache-control", "no-cache")
        .with_header("etag", etag)
        .with_header("vary", vary))
}

/// Whether a client with this `Accept` header names HTML, and not plain text with as much weight.
/// Browsers do; other clients accept anything, or say nothing.
fn prefers_html(accept: &str) -> bool {
    let weight = |name| weight(accept, name).unwrap_or_default();
    weight("text/html") > weight("text/plain")
}

/// Whether a client with this `Accept-Encoding` header takes gzip, by name or by `*`.
fn takes_gzip(accept_encoding: &str) -> bool {
    let weight = |name| weight(accept_encoding, name);
    weight("gzip").or_else(|| weight("*")).is_some_and(|weight| !weight.is_empty())
}

/// The weight that the header `accept` gives to `name`, if it names it (RFC 9110, section 12.4.2). The
/// zeros at its end are cut off: so 0 is empty, and weights compare as text like the numbers they are.
fn weight<'a>(accept: &'a str, name: &str) -> Option<&'a str> {
    accept.split(',').find_map(|choice| {
        let mut parts = choice.split(';').map(str::trim);
        let named = parts.next()?.eq_ignore_ascii_case(name);
        let weight = parts.find_map(|it| it.strip_prefix("q=").or(it.strip_prefix("Q=")));
        named.then(|| weight.unwrap_or("1").trim_end_matches(['0', '.']))
    })
}

/// Whether `known`, the value of `If-None-Match`, contains `etag`, be it strong or weak.
fn has(known: &str, etag: &str) -> bool {
    fn opaque(tag: &str) -> &str {
        tag.trim().trim_start_matches("W/")
    }
    known.split(',').any(|tag| tag.trim() == "*" || opaque(tag) == opaque(etag))
}

/// A header's values, joined into one list.
fn header(request: &IncomingRequest, name: &str) -> String {
    let values = request.headers().get(name);
    String::from_utf8_lossy(&values.join(&b',')).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{prefers_html, takes_gzip};

    #[test]
    fn html_is_for_clients_that_name_it() {
        assert!(prefers_html("text/html"));
        assert!(prefers_html("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        assert!(prefers_html("*/*, Text/HTML"));
        assert!(prefers_html("text/plain;q=0.75, text/html ; level=1; q=0.8"));
        assert!(prefers_html("text/plain;q=0, text/html;Q=0.001"));
        assert!(!prefers_html(""));
        assert!(!prefers_html("*/*"));
        assert!(!prefers_html("text/*"));
        assert!(!prefers_html("application/json"));
        assert!(!prefers_html("text/html;q=0"));
        assert!(!prefers_html("text/html;q=0.000, text/plain;q=0"));
        assert!(!prefers_html("text/html;q=0.5, text/plain;q=0.500"));
        assert!(!prefers_html("text/plain, text/html;q=1.000"));
    }

    #[test]
    fn a_weight_of_zero_refuses() {
        assert!(takes_gzip("gzip"));
        assert!(takes_gzip("deflate, gzip;q=1.0, *;q=0.5"));
        assert!(takes_gzip("br, *;q=0.1"));
        assert!(!takes_gzip(""));
        assert!(!takes_gzip("identity"));
        assert!(!takes_gzip("gzip;q=0.000, *"));
        assert!(!takes_gzip("*;q=0"));
    }
}
