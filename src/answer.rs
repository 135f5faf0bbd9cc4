//! An answer, and how it reaches the client.

use common::MAX_WRITE;
use serde::Serialize;
use spin_sdk::http::{Headers, OutgoingBody, OutgoingResponse, ResponseOutparam};
use std::borrow::Cow;

/// A complete answer: the whole body is known before the first byte is sent.
pub struct Answer {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Cow<'static, [u8]>,
}

impl Answer {
    /// An answer without content: 204 or 304.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: vec![], body: Cow::Borrowed(b"") }
    }

    /// An answer with `body`, which must not be empty, of media type `content_type`.
    pub fn new(status: u16, content_type: &str, body: impl Into<Cow<'static, [u8]>>) -> Self {
        let body = body.into();
        // Without its length, an answer is sent in chunks.
        let length = body.len().to_string();
        Self { body, ..Self::empty(status) }
            .with_header("content-type", content_type)
            .with_header("content-length", &length)
    }

    /// An answer with `value` as JSON: a time or an error, which must not be stored.
    pub fn json(status: u16, value: &impl Serialize) -> Self {
        // `expect` would bring 2.4 KB, to print an error that cannot occur.
        let body = serde_json::to_vec(value).unwrap_or_else(|_| panic!("every key is a string"));
        Self::new(status, "application/json", body).not_to_be_stored()
    }

    /// R's empty list, `{}`: done, with nothing to report.
    pub fn empty_object(status: u16) -> Self {
        Self::new(status, "application/json", b"{}").not_to_be_stored()
    }

    /// The same answer, which no cache may store. It describes a moment or a replica; from a cache, a
    /// failed replica would look healthy.
    pub fn not_to_be_stored(self) -> Self {
        self.with_header("cache-control", "no-store")
    }

    /// The same answer with one more header.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends the whole answer. A client that has gone away is not an error.
    pub fn send(self, response: ResponseOutparam) {
        let headers = Headers::from_list(&self.headers).expect("no header has a control character");
        let outgoing = OutgoingResponse::new(headers);
        let _ = outgoing.set_status_code(self.status);
        let body = outgoing.body();
        response.set(outgoing);
        if let Ok(body) = body {
            if let Ok(stream) = body.write() {
                for chunk in self.body.chunks(MAX_WRITE) {
                    let _ = stream.blocking_write_and_flush(chunk);
                }
            }
            let _ = OutgoingBody::finish(body, None);
        }
    }
}
