//! `GET /` and `GET /openapi.json`: the documents that the component carries.

use crate::accept::preference;
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
const LIST: &str = concat!(
    "spin-on-k8s ",
    env!("CARGO_PKG_VERSION"),
    "

GET  /parity?int=7   even or odd
GET  /wait           the time, after five seconds
GET  /health         OK, until the replica is poisoned
POST /fail           poisons the replica: its /health fails from now on
POST /quit           poisons the replica and terminates it
GET  /openapi.json   all this, for machines
GET  /               this list; a browser gets the control room
"
);

/// Answers with the OpenAPI document.
pub fn openapi(request: &IncomingRequest, _query: &str) -> Result<Answer, Problem> {
    let openapi = document(request, OPENAPI, "application/json", "accept-encoding")?;
    // For viewers and editors on other origins; it reveals nothing about the replica.
    Ok(openapi.with_header("access-control-allow-origin", "*"))
}

/// Answers with the control room if the client prefers HTML, otherwise with a list.
pub fn page(request: &IncomingRequest, _query: &str) -> Result<Answer, Problem> {
    let vary = "accept, accept-encoding";
    let accepted = header(request, "accept");
    let wanted = |media_type| preference(&accepted, &[media_type, "text/*", "*/*"]);
    if wanted("text/html") <= wanted("text/plain") {
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
    } else if preference(&header(request, "accept-encoding"), &["gzip", "*"]) > (0, 0) {
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
