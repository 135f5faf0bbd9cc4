//! What a request costs a guest: instructions and host calls. Both are the same on every machine,
//! and with every host; so this one is as plain as can be.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::Request;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime;
use tokio::sync::oneshot;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber, subscriber, trace_span};
use wasmtime::component::{Component, Linker, Resource, ResourceTable, ResourceType, Val};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

/// The name of the span that Wasmtime's bindings make for each call of an imported function.
const CALL: &str = "wit-bindgen import";

/// What one request costs.
pub struct Cost {
    pub what: &'static str,
    /// Wasmtime's fuel, about one unit an instruction.
    pub fuel: u64,
    /// Calls of imported functions.
    pub calls: u64,
}

/// The costs of each endpoint of `component`, and of `hello`.
pub fn costs(component: &str, hello: &str) -> Result<Vec<Cost>> {
    let guests = [
        (component, "GET", "/parity?int=7"),
        (component, "GET", "/wait"),
        (component, "GET", "/health"),
        (component, "POST", "/fail"),
        (component, "POST", "/quit"),
        (hello, "GET", "hello-world"),
    ];
    let engine = Engine::new(Config::new().consume_fuel(true))?;
    guests.into_iter().map(|(file, method, what)| cost(&engine, file, method, what)).collect()
}

fn cost(engine: &Engine, file: &str, method: &str, what: &'static str) -> Result<Cost> {
    let component = Component::from_file(engine, file)?;
    let proxy = ProxyPre::new(linker(engine)?.instantiate_pre(&component)?)?;
    // What hello-world hashes with, which else would be random.
    let wasi = WasiCtx::builder().insecure_random_seed(0).build();
    let mut store = Store::new(engine, Host { wasi, ..Host::default() });
    store.set_fuel(u64::MAX)?;
    let target = format!("/{}", what.trim_start_matches('/'));
    let request = Request::builder().method(method).uri(target).header("host", "localhost");
    let request = request.body(Empty::<Bytes>::new())?;
    let (sender, mut receiver) = oneshot::channel();
    let calls = Arc::new(AtomicU64::new(0));
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let handled: wasmtime::Result<()> = subscriber::with_default(Calls(calls.clone()), || {
        runtime.block_on(async {
            let request = store.data_mut().http().new_incoming_request(Scheme::Http, request)?;
            let response = store.data_mut().http().new_response_outparam(sender)?;
            let proxy = proxy.instantiate_async(&mut store).await?;
            proxy.wasi_http_incoming_handler().call_handle(&mut store, request, response).await
        })
    });
    // A guest may exit after it has answered.
    let outcome = receiver.try_recv().ok().with_context(|| format!("{what}: {handled:?}"))?;
    ensure!(outcome.is_ok_and(|response| response.status().is_success()), "{what} fails");
    Ok(Cost { what, fuel: u64::MAX - store.get_fuel()?, calls: calls.load(Ordering::Relaxed) })
}

/// All of WASI, and of Spin what the component calls: an empty store and two variables.
fn linker(engine: &Engine) -> Result<Linker<Host>> {
    struct KeyValue;
    let mut linker = Linker::<Host>::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    let ok = |value: Option<Val>| Val::Result(Ok(value.map(Box::new)));
    let mut stores = linker.instance("fermyon:spin/key-value@2.0.0")?;
    stores.resource("store", ResourceType::host::<KeyValue>(), |_, _| Ok(()))?;
    stores.func_new("[static]store.open", move |store, _, _, results| {
        trace_span!(CALL);
        let resource = Resource::<KeyValue>::new_own(0).try_into_resource_any(store)?;
        results[0] = ok(Some(Val::Resource(resource)));
        Ok(())
    })?;
    for (name, value) in [("get", Some(Val::Option(None))), ("set", None)] {
        let result = ok(value);
        stores.func_new_async(
            &format!("[method]store.{name}"),
            move |store, _, these, results| {
                trace_span!(CALL);
                results[0] = result.clone();
                Box::new(async move {
                    if let [Val::Resource(borrowed), ..] = these {
                        borrowed.resource_drop_async(store).await?;
                    }
                    Ok(())
                })
            },
        )?;
    }
    linker.instance("fermyon:spin/variables@2.0.0")?.func_new(
        "get",
        move |_, _, names, results| {
            trace_span!(CALL);
            let hostname = names[0] == Val::String("hostname".into());
            results[0] = ok(Some(Val::String(if hostname { "localhost" } else { "" }.into())));
            Ok(())
        },
    )?;
    Ok(linker)
}

/// What the plain host keeps for one instance.
#[derive(Default)]
struct Host {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: NoOutboundHttp,
}

#[derive(Default)]
struct NoOutboundHttp;

type Pending<T> = Box<dyn Future<Output = std::result::Result<T, Error>> + Send>;

impl WasiHttpHooks for NoOutboundHttp {
    fn send_request(
        &mut self,
        _: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Pending<()>,
    ) -> Pending<(hyper::Response<WasiBody>, Pending<()>)> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Host {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}

/// Counts the spans of calls.
struct Calls(Arc<AtomicU64>);

impl Subscriber for Calls {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.name() == CALL
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1 + self.0.fetch_add(1, Ordering::Relaxed))
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
