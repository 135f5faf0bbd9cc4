//! The component, compiled and linked, and its instances: one per request.

use crate::key_value::KeyValue;
use bindings::exports::wasi::http::incoming_handler::GuestIndices;
use bytes::Bytes;
use http_body_util::Empty;
use hyper::{Request, Response};
use tokio::sync::oneshot;
use wasmtime::component::{Component, HasSelf, InstancePre, Linker, ResourceTable};
use wasmtime::error::{Context, Result};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, UpdateDeadline,
};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings::{cli, clocks, io};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttp, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

/// How far a guest's linear memory can grow, in bytes; it starts with 128 KiB.
pub const MEMORY_LIMIT: usize = 8 << 20;

/// How often a computing guest is interrupted to let others run.
pub const TICK: std::time::Duration = std::time::Duration::from_millis(10);

/// After how many interruptions it is stopped for good. Waiting is not computing.
pub const MAX_TICKS: u32 = 100;

/// The bindings of the component's world, from the same file as the guest's.
pub mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        // Not `world`, which would link all interfaces alike: wasmtime-wasi-http's want options.
        interfaces: "include spin-on-k8s:replica/replica;",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
            "wasi:http": wasmtime_wasi_http::p2::bindings::http,
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "fermyon:spin/key-value.store": crate::key_value::Store,
        },
    });
}

/// What the host keeps for one instance: its side of the imports.
pub struct Instance {
    pub(crate) table: ResourceTable,
    pub(crate) key_value: KeyValue,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: NoOutboundHttp,
}

/// The world has no outbound HTTP, so none of this is ever called.
struct NoOutboundHttp;

type Pending<T> = Box<dyn Future<Output = std::result::Result<T, Error>> + Send>;

impl WasiHttpHooks for NoOutboundHttp {
    fn send_request(
        &mut self,
        _: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Pending<()>,
    ) -> Pending<(Response<WasiBody>, Pending<()>)> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}

impl Instance {
    /// A store for one new instance, which shares `key_value` with others.
    pub fn store(engine: &Engine, key_value: KeyValue) -> Store<Self> {
        let instance = Self {
            table: ResourceTable::new(),
            key_value,
            wasi: WasiCtx::builder().inherit_stderr().build(),
            http: WasiHttpCtx::new(),
            hooks: NoOutboundHttp,
        };
        let mut store = Store::new(engine, instance);
        let mut ticks = 0;
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            ticks += 1;
            Ok(if ticks < MAX_TICKS { UpdateDeadline::Yield(1) } else { UpdateDeadline::Interrupt })
        });
        store
    }
}

impl WasiView for Instance {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Instance {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}

/// What a guest's `response-outparam` is set to.
pub type Outcome = std::result::Result<Response<HyperOutgoingBody>, ErrorCode>;

/// What becomes of an instance's memory when it is dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// It is wiped for the next one: quick, since unmapping interrupts every core.
    Kept,
    /// It is given back to the system.
    Returned,
}

/// A compiled component, linked to what its world imports and to nothing else.
pub struct Guest {
    pre: InstancePre<Instance>,
    handler: GuestIndices,
    key_value: KeyValue,
}

impl Guest {
    /// The engine settings for `max_instances` instances at the same time, that leave their memory
    /// to the next or give it back.
    pub fn config(max_instances: u32, memory: Memory) -> Config {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(max_instances)
            // A component is several core modules: the guest's own, and glue.
            .total_core_instances(max_instances.saturating_mul(8))
            .total_memories(max_instances)
            .total_tables(max_instances.saturating_mul(2))
            .total_stacks(max_instances)
            .max_memory_size(MEMORY_LIMIT);
        if memory == Memory::Kept {
            pool.linear_memory_keep_resident(256 << 10).table_keep_resident(64 << 10);
        }
        let mut config = Config::new();
        config
            .async_stack_zeroing(memory == Memory::Returned)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
            .epoch_interruption(true);
        config
    }

    /// Compiles and links `wasm`, whose instances will share `key_value`.
    ///
    /// # Errors
    /// If `wasm` is not a component, or imports or exports what the world does not have.
    pub fn new(config: &Config, wasm: &[u8], key_value: KeyValue) -> Result<Self> {
        let engine = engine(config)?;
        let component = Component::from_binary(&engine, wasm).context("not a component")?;
        Self::link(&component, key_value)
    }

    /// The same component with the same stores, but under another `config`.
    ///
    /// # Errors
    /// If the settings differ in more than how instances are allocated.
    pub fn under(&self, config: &Config) -> Result<Self> {
        let engine = engine(config)?;
        let code = self.pre.component().serialize()?;
        // SAFETY: these bytes are what this very Wasmtime has just made.
        let component = unsafe { Component::deserialize(&engine, code)? };
        Self::link(&component, self.key_value.clone())
    }

    fn link(component: &Component, key_value: KeyValue) -> Result<Self> {
        let engine = component.engine();
        let pre = linker(engine)?.instantiate_pre(component).context("wrong world")?;
        let handler = GuestIndices::new(&pre).context("wrong world")?;
        tick(engine);
        Ok(Self { pre, handler, key_value })
    }

    /// A store for one new instance.
    pub fn store(&self) -> Store<Instance> {
        Instance::store(self.pre.engine(), self.key_value.clone())
    }

    /// Runs `request` in a new instance in `store`, which sends its answer to `outcome` on the
    /// way and may go on after that.
    ///
    /// # Errors
    /// If the guest traps, exits or exceeds a limit; the error tells which.
    pub async fn handle(
        &self,
        store: &mut Store<Instance>,
        request: Request<Empty<Bytes>>,
        outcome: oneshot::Sender<Outcome>,
    ) -> Result<()> {
        let request = store.data_mut().http().new_incoming_request(Scheme::Http, request)?;
        let response = store.data_mut().http().new_response_outparam(outcome)?;
        let instance = self.pre.instantiate_async(&mut *store).await?;
        let handler = self.handler.load(&mut *store, &instance)?;
        handler.call_handle(store, request, response).await
    }
}

fn engine(config: &Config) -> Result<Engine> {
    Engine::new(config).context("cannot reserve memory for the instances")
}

/// A linker with the world's imports, and those that Rust's standard library adds.
///
/// # Errors
/// If an interface is linked twice.
pub fn linker(engine: &Engine) -> Result<Linker<Instance>> {
    use bindings::fermyon::spin;
    use wasmtime_wasi_http::p2::bindings::http;
    let mut linker = Linker::<Instance>::new(engine);
    let l = &mut linker;
    spin::key_value::add_to_linker::<_, HasSelf<Instance>>(l, |instance| instance)?;
    spin::variables::add_to_linker::<_, HasSelf<Instance>>(l, |instance| instance)?;
    http::types::add_to_linker::<_, WasiHttp>(l, &Default::default(), Instance::http)?;
    clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, Instance::clocks)?;
    io::error::add_to_linker::<_, HasSelf<ResourceTable>>(l, |it| &mut it.table)?;
    io::poll::add_to_linker::<_, HasSelf<ResourceTable>>(l, |it| &mut it.table)?;
    io::streams::add_to_linker::<_, HasSelf<ResourceTable>>(l, |it| &mut it.table)?;

    clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, Instance::clocks)?;
    cli::environment::add_to_linker::<_, WasiCli>(l, Instance::cli)?;
    cli::exit::add_to_linker::<_, WasiCli>(l, Instance::cli)?;
    cli::stdin::add_to_linker::<_, WasiCli>(l, Instance::cli)?;
    cli::stdout::add_to_linker::<_, WasiCli>(l, Instance::cli)?;
    cli::stderr::add_to_linker::<_, WasiCli>(l, Instance::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(l, Instance::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(l, Instance::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, Instance::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, Instance::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, Instance::cli)?;
    Ok(linker)
}

/// Advances the engine's clock for as long as there is an engine.
///
/// On a thread of its own: guests may keep all of the runtime's busy.
fn tick(engine: &Engine) {
    let engine = engine.weak();
    std::thread::spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    });
}
