//! What hello-world wants of a host beyond our world: all that the SDK's `Request` and `Response`
//! and the whole of libc import. It adds that to the embedded host, so that both guests are measured
//! on the same one.

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use spin_on_k8s_host::guest::Instance;
use spin_on_k8s_host::guest::bindings::wasi::http::types::HeaderError;
use spin_on_k8s_host::guest::bindings::wasi::io::streams::StreamError;
use spin_on_k8s_host::wasi::{Never, OutputStream};
use wasmtime::component::{ComponentType, Linker, Lower, Resource, ResourceType};
use wasmtime::{Error, Result, StoreContextMut};

/// A resource that has nothing in it: the body of a request without one, and its stream.
struct Empty;

/// `wasi:http/types`' own.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum Scheme {
    #[component(name = "HTTP")]
    Http,
    #[component(name = "HTTPS")]
    #[expect(dead_code, reason = "part of the type")]
    Https,
    #[component(name = "other")]
    #[expect(dead_code, reason = "part of the type")]
    Other(String),
}

type Request = Resource<Parts>;
type Fields = Resource<HeaderMap>;
type Body = Resource<Empty>;
type Stream = Resource<OutputStream>;
type Headers = Vec<(String, Vec<u8>)>;

/// What hello-world imports and never calls.
const UNCALLED: [(&str, &[&str]); 9] = [
    ("wasi:cli/environment@0.2.0", &["get-environment"]),
    ("wasi:cli/stdin@0.2.0", &["get-stdin"]),
    ("wasi:cli/stdout@0.2.0", &["get-stdout"]),
    ("wasi:cli/terminal-stdin@0.2.0", &["get-terminal-stdin"]),
    ("wasi:cli/terminal-stdout@0.2.0", &["get-terminal-stdout"]),
    ("wasi:cli/terminal-stderr@0.2.0", &["get-terminal-stderr"]),
    ("wasi:io/error@0.2.0", &["[method]error.to-debug-string"]),
    ("wasi:io/poll@0.2.0", &["poll"]),
    (
        "wasi:io/streams@0.2.0",
        &[
            "[method]input-stream.subscribe",
            "[method]output-stream.blocking-flush",
            "[method]output-stream.subscribe",
        ],
    ),
];

/// Links it, and counts the calls as the host does those of the world.
///
/// # Errors
/// If a function is linked twice.
pub fn link(linker: &mut Linker<Instance>) -> Result<()> {
    for (interface, functions) in UNCALLED {
        let mut instance = linker.instance(interface)?;
        for function in functions {
            let uncalled = format!("{function} is called");
            instance.func_new(function, move |_, _, _, _| Err(Error::msg(uncalled.clone())))?;
        }
    }
    for terminal in ["terminal-input", "terminal-output"] {
        let mut instance = linker.instance(&format!("wasi:cli/{terminal}@0.2.0"))?;
        instance.resource(terminal, ResourceType::host::<Never>(), |_, _| Ok(()))?;
    }
    let mut random = linker.instance("wasi:random/insecure-seed@0.2.0")?;
    random.func_wrap("insecure-seed", |mut store, ()| {
        called(&mut store);
        Ok(((0u64, 0u64),))
    })?;

    let mut http = linker.instance("wasi:http/types@0.2.0")?;
    http.resource("incoming-body", ResourceType::host::<Empty>(), drop_empty)?;
    http.resource("future-trailers", ResourceType::host::<Never>(), |_, _| Ok(()))?;
    http.func_wrap("[static]fields.from-list", |mut store, (list,): (Headers,)| {
        let mut fields = HeaderMap::new();
        for (name, value) in list {
            fields.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }
        Ok((Ok(called(&mut store).table.push(fields)?) as Result<Fields, HeaderError>,))
    })?;
    http.func_wrap("[method]fields.entries", |mut store, (fields,): (Fields,)| {
        let fields = called(&mut store).table.get(&fields)?.iter();
        let entry = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), value.as_bytes().to_vec())
        };
        Ok((fields.map(entry).collect::<Headers>(),))
    })?;
    http.func_wrap("[method]incoming-request.scheme", |mut store, (_,): (Request,)| {
        called(&mut store);
        Ok((Some(Scheme::Http),))
    })?;
    http.func_wrap("[method]incoming-request.authority", |mut store, (request,): (Request,)| {
        let request = called(&mut store).table.get(&request)?;
        let host = request.headers.get("host").and_then(|host| host.to_str().ok());
        Ok((host.map(String::from),))
    })?;
    http.func_wrap("[method]incoming-request.consume", |mut store, (_,): (Request,)| {
        Ok((Ok(called(&mut store).table.push(Empty)?) as Result<Body, ()>,))
    })?;
    http.func_wrap("[method]incoming-body.stream", |mut store, (_,): (Body,)| {
        Ok((Ok(called(&mut store).table.push(Empty)?) as Result<Body, ()>,))
    })?;
    http.func_wrap("[static]incoming-body.finish", |mut store, (body,): (Body,)| {
        called(&mut store).table.delete(body)?;
        Ok((Resource::<Never>::new_own(0),))
    })?;

    let mut streams = linker.instance("wasi:io/streams@0.2.0")?;
    type Outcome<T> = (Result<T, StreamError>,);
    streams.resource("input-stream", ResourceType::host::<Empty>(), drop_empty)?;
    streams.func_wrap("[method]input-stream.read", |mut store, (_, _): (Body, u64)| {
        called(&mut store);
        Ok((Err(StreamError::Closed),) as Outcome<Vec<u8>>)
    })?;
    streams.func_wrap("[method]output-stream.check-write", |mut store, (_,): (Stream,)| {
        called(&mut store);
        Ok((Ok(4096u64),) as Outcome<u64>)
    })?;
    streams.func_wrap(
        "[method]output-stream.write",
        |mut store, (stream, contents): (Stream, Vec<u8>)| {
            Ok((called(&mut store).table.get(&stream)?.write(&contents),))
        },
    )?;
    streams.func_wrap("[method]output-stream.flush", |mut store, (_,): (Stream,)| {
        called(&mut store);
        Ok((Ok(()),) as Outcome<()>)
    })
}

/// The instance, which has called the host once more.
fn called<'a>(store: &'a mut StoreContextMut<Instance>) -> &'a mut Instance {
    store.data_mut().calls += 1;
    store.data_mut()
}

fn drop_empty(mut store: StoreContextMut<Instance>, index: u32) -> Result<()> {
    called(&mut store).table.delete(Resource::<Empty>::new_own(index))?;
    Ok(())
}
