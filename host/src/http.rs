//! The part of `wasi:http/types` that the world lists.
//!
//! An answer is collected here, and sent when its guest has ended. So it is sent whole, or not at all.

use crate::instance::bindings::wasi::http::types::{
    ErrorCode, HeaderError, Host, HostFields, HostIncomingRequest, HostOutgoingBody,
    HostOutgoingResponse, HostResponseOutparam, Method as WasiMethod,
};
use crate::instance::{Instance, MEMORY_LIMIT};
use crate::wasi::OutputStream;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::{Method, Response, StatusCode};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wasmtime::Result;
use wasmtime::component::Resource;

/// Headers that describe the connection, so only the host may set them.
const FORBIDDEN: [HeaderName; 3] = [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE];

/// What a guest's `response-outparam` is set to.
pub type Outcome = Result<Response<Full<Bytes>>, ErrorCode>;

/// Where a guest sets its answer, once.
pub struct ResponseOutparam;

/// An answer that is being written.
#[derive(Default)]
pub struct OutgoingResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Option<OutgoingBody>,
}

/// A body, shared by its answer and its stream.
#[derive(Clone, Default)]
pub struct OutgoingBody(Arc<Mutex<Body>>);

#[derive(Default)]
struct Body {
    bytes: Vec<u8>,
    finished: bool,
}

impl OutgoingBody {
    /// Appends `bytes`, and returns whether there was room for them.
    pub fn append(&self, bytes: &[u8]) -> bool {
        let mut body = self.lock();
        let fits = body.bytes.len() + bytes.len() <= MEMORY_LIMIT;
        if fits {
            body.bytes.extend_from_slice(bytes);
        }
        fits
    }

    /// No holder of the lock can panic, so it cannot be poisoned.
    fn lock(&self) -> MutexGuard<'_, Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Instance {
    /// The answer that the guest has set, unless its body was never finished.
    pub fn take_outcome(&mut self) -> Option<Outcome> {
        let OutgoingResponse { status, mut headers, body } = match self.outcome.take()? {
            Ok(response) => response,
            Err(code) => return Some(Err(code)),
        };
        let mut bytes = Vec::new();
        if let Some(body) = body {
            let mut body = body.lock();
            if !body.finished {
                return None;
            }
            bytes = std::mem::take(&mut body.bytes);
        }
        // The host knows the length, whatever the guest says.
        headers.remove(header::CONTENT_LENGTH);
        let mut response = Response::new(Full::new(bytes.into()));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Some(Ok(response))
    }
}

impl Host for Instance {}

impl HostFields for Instance {
    fn get(&mut self, fields: Resource<HeaderMap>, name: String) -> Result<Vec<Vec<u8>>> {
        let values = self.table.get(&fields)?.get_all(name);
        Ok(values.iter().map(|value| value.as_bytes().to_vec()).collect())
    }

    fn from_list(
        &mut self,
        entries: Vec<(String, Vec<u8>)>,
    ) -> Result<Result<Resource<HeaderMap>, HeaderError>> {
        let mut fields = HeaderMap::new();
        for (name, value) in entries {
            let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
            else {
                return Ok(Err(HeaderError::InvalidSyntax));
            };
            // The latter fails when there are 32,768 already.
            if FORBIDDEN.contains(&name) || fields.try_append(name, value).is_err() {
                return Ok(Err(HeaderError::Forbidden));
            }
        }
        Ok(Ok(self.table.push(fields)?))
    }

    fn drop(&mut self, fields: Resource<HeaderMap>) -> Result<()> {
        self.table.delete(fields)?;
        Ok(())
    }
}

impl HostIncomingRequest for Instance {
    fn method(&mut self, request: Resource<Parts>) -> Result<WasiMethod> {
        Ok(match self.table.get(&request)?.method {
            Method::GET => WasiMethod::Get,
            Method::HEAD => WasiMethod::Head,
            Method::POST => WasiMethod::Post,
            Method::PUT => WasiMethod::Put,
            Method::DELETE => WasiMethod::Delete,
            Method::CONNECT => WasiMethod::Connect,
            Method::OPTIONS => WasiMethod::Options,
            Method::TRACE => WasiMethod::Trace,
            Method::PATCH => WasiMethod::Patch,
            ref other => WasiMethod::Other(other.to_string()),
        })
    }

    fn path_with_query(&mut self, request: Resource<Parts>) -> Result<Option<String>> {
        Ok(self.table.get(&request)?.uri.path_and_query().map(ToString::to_string))
    }

    fn authority(&mut self, request: Resource<Parts>) -> Result<Option<String>> {
        let Parts { uri, headers, .. } = self.table.get(&request)?;
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        Ok(uri.authority().map(Authority::as_str).or(host).map(String::from))
    }

    fn headers(&mut self, request: Resource<Parts>) -> Result<Resource<HeaderMap>> {
        let headers = self.table.get(&request)?.headers.clone();
        Ok(self.table.push(headers)?)
    }

    fn drop(&mut self, request: Resource<Parts>) -> Result<()> {
        self.table.delete(request)?;
        Ok(())
    }
}

impl HostOutgoingResponse for Instance {
    fn new(&mut self, headers: Resource<HeaderMap>) -> Result<Resource<OutgoingResponse>> {
        let headers = self.table.delete(headers)?;
        Ok(self.table.push(OutgoingResponse { headers, ..Default::default() })?)
    }

    fn set_status_code(
        &mut self,
        response: Resource<OutgoingResponse>,
        status: u16,
    ) -> Result<Result<(), ()>> {
        let response = self.table.get_mut(&response)?;
        Ok(StatusCode::from_u16(status).map(|status| response.status = status).map_err(|_| ()))
    }

    fn body(
        &mut self,
        response: Resource<OutgoingResponse>,
    ) -> Result<Result<Resource<OutgoingBody>, ()>> {
        let response = self.table.get_mut(&response)?;
        if response.body.is_some() {
            return Ok(Err(()));
        }
        let body = response.body.insert(OutgoingBody::default()).clone();
        Ok(Ok(self.table.push(body)?))
    }

    fn drop(&mut self, response: Resource<OutgoingResponse>) -> Result<()> {
        self.table.delete(response)?;
        Ok(())
    }
}

impl HostOutgoingBody for Instance {
    fn write(
        &mut self,
        body: Resource<OutgoingBody>,
    ) -> Result<Result<Resource<OutputStream>, ()>> {
        let body = self.table.get(&body)?.clone();
        Ok(Ok(self.table.push(OutputStream::Body(body))?))
    }

    fn finish(
        &mut self,
        body: Resource<OutgoingBody>,
        _trailers: Option<Resource<HeaderMap>>,
    ) -> Result<Result<(), ErrorCode>> {
        self.table.delete(body)?.lock().finished = true;
        Ok(Ok(()))
    }

    fn drop(&mut self, body: Resource<OutgoingBody>) -> Result<()> {
        self.table.delete(body)?;
        Ok(())
    }
}

impl HostResponseOutparam for Instance {
    fn set(
        &mut self,
        param: Resource<ResponseOutparam>,
        response: Result<Resource<OutgoingResponse>, ErrorCode>,
    ) -> Result<()> {
        self.table.delete(param)?;
        self.outcome = Some(match response {
            Ok(response) => Ok(self.table.delete(response)?),
            Err(code) => Err(code),
        });
        Ok(())
    }

    fn drop(&mut self, param: Resource<ResponseOutparam>) -> Result<()> {
        self.table.delete(param)?;
        Ok(())
    }
}
