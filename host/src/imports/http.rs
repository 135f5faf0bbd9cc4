//! The part of `wasi:http/types` that the world lists.

use crate::bindings::wasi::http::types::{
    ErrorCode, HeaderError, Host, HostFields, HostIncomingRequest, HostOutgoingBody,
    HostOutgoingResponse, HostResponseOutparam, Method as WasiMethod,
};
use crate::instance::Instance;
use crate::resources::{OutgoingBody, OutgoingResponse, OutputStream, ResponseOutparam};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::{Method, StatusCode};
use wasmtime::Result;
use wasmtime::component::Resource;

/// Headers that describe the connection. As on Spin, guests neither see nor set them.
const FORBIDDEN: [HeaderName; 9] = [
    header::CONNECTION,
    header::HOST,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

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
        let mut headers = self.table.get(&request)?.headers.clone();
        for name in FORBIDDEN {
            headers.remove(name);
        }
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
        Ok(self.table.push(OutgoingResponse::new(headers))?)
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
        match self.table.get_mut(&response)?.take_body() {
            Some(body) => Ok(Ok(self.table.push(body)?)),
            None => Ok(Err(())),
        }
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
        match self.table.get(&body)?.take_stream() {
            // Its child, so that the body can only be finished or dropped after it.
            Some(stream) => Ok(Ok(self.table.push_child(stream, &body)?)),
            None => Ok(Err(())),
        }
    }

    fn finish(
        &mut self,
        body: Resource<OutgoingBody>,
        trailers: Option<Resource<HeaderMap>>,
    ) -> Result<Result<(), ErrorCode>> {
        let finished = self.table.delete(body)?.finish();
        trailers.map(|trailers| self.table.delete(trailers)).transpose()?;
        Ok(finished.map_err(|written| ErrorCode::HttpResponseBodySize(Some(written as u64))))
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
