//! The resources of `wasi:http` and `wasi:io` of which guests hold handles.
//!
//! An answer is collected here, and sent when its guest has ended. So it is sent whole, or not at all.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap};
use hyper::{Response, StatusCode};
use std::io::Write;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where a guest sets its answer, once.
pub struct ResponseOutparam;

/// An answer that is being written.
#[derive(Default)]
pub struct OutgoingResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: Option<OutgoingBody>,
}

impl OutgoingResponse {
    /// An answer with these headers, the status 200, and no body yet.
    pub fn new(headers: HeaderMap) -> Self {
        Self { headers, ..Self::default() }
    }

    /// The body to write. None if it was taken before, or if the headers give its length, but not as a
    /// number.
    pub fn take_body(&mut self) -> Option<OutgoingBody> {
        let length = match self.headers.get(header::CONTENT_LENGTH) {
            Some(length) => Some(length.to_str().ok()?.parse().ok()?),
            None => None,
        };
        if self.body.is_some() {
            return None;
        }
        let body = OutgoingBody(Arc::new(Mutex::new(Body { length, ..Body::default() })));
        Some(self.body.insert(body).clone())
    }

    /// The whole answer. None if its body was never finished.
    pub fn into_whole(self) -> Option<Response<Full<Bytes>>> {
        let mut bytes = Vec::new();
        if let Some(body) = self.body {
            let mut body = body.lock();
            if !body.is_finished {
                return None;
            }
            bytes = mem::take(&mut body.bytes);
        }
        let mut response = Response::new(Full::new(bytes.into()));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        // The host knows the length, and a guest without a body may have given another.
        response.headers_mut().remove(header::CONTENT_LENGTH);
        Some(response)
    }
}

/// A body, shared by its answer and its stream.
#[derive(Clone)]
pub struct OutgoingBody(Arc<Mutex<Body>>);

#[derive(Default)]
struct Body {
    bytes: Vec<u8>,
    /// How long it will be, if the headers say so.
    length: Option<usize>,
    has_stream: bool,
    /// Whether something was written that had no room.
    is_cut: bool,
    is_finished: bool,
}

impl OutgoingBody {
    /// Its only stream. None if that was taken before.
    pub fn take_stream(&self) -> Option<OutputStream> {
        let taken = mem::replace(&mut self.lock().has_stream, true);
        (!taken).then(|| OutputStream::Body(self.clone()))
    }

    /// Marks it as complete.
    ///
    /// # Errors
    /// The number of bytes, if the headers give another, or if more were written.
    pub fn finish(&self) -> Result<(), usize> {
        let mut body = self.lock();
        let written = body.bytes.len();
        body.is_finished = !body.is_cut && body.length.is_none_or(|length| length == written);
        if body.is_finished { Ok(()) } else { Err(written) }
    }

    /// No holder of the lock can panic, so it cannot be poisoned.
    fn lock(&self) -> MutexGuard<'_, Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a guest can write. Writing never blocks.
pub enum OutputStream {
    /// The body of an answer.
    Body(OutgoingBody),
    /// This process's standard error.
    Stderr,
}

impl OutputStream {
    /// Writes all of `bytes`. Returns false if they exceed a body's length, or the `room` that bodies have left.
    pub fn write(&self, bytes: &[u8], room: &mut usize) -> bool {
        match self {
            Self::Body(body) => {
                let mut body = body.lock();
                let written = body.bytes.len() + bytes.len();
                body.is_cut |=
                    bytes.len() > *room || body.length.is_some_and(|length| written > length);
                if !body.is_cut {
                    body.bytes.extend_from_slice(bytes);
                    *room -= bytes.len();
                }
                !body.is_cut
            }
            Self::Stderr => {
                // Failing to write a log must not fail a request.
                let _ = std::io::stderr().write_all(bytes);
                true
            }
        }
    }
}
