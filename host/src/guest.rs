//! The component, compiled and linked, and its instances: one per request.

use crate::codegen;
pub use crate::codegen::MEMORY_LIMIT;
use crate::http::{OutgoingResponse, ResponseOutparam};
use crate::key_value::KeyValue;
use crate::wasi;
use bindings::wasi::http::types::ErrorCode;
use bindings::{Replica, ReplicaPre};
use hyper::http::request::Parts;
use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::error::{Context, Result};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, StoreLimits,
    StoreLimitsBuilder, Trap, UpdateDeadline,
};

/// How far each of its tables can grow, in elements.
const TABLE_LIMIT: usize = 10_000;

/// Core modules that a component may be made of: the guest's own, and glue.
const INSTANCES: u32 = 8;

/// Tables that these may have.
const TABLES: u32 = 2;

/// How often a computing guest is interrupted to let others run.
pub const TICK: std::time::Duration = std::time::Duration::from_millis(10);

/// After how many interruptions it is stopped for good. Waiting is not computing.
pub const MAX_TICKS: u32 = 100;

/// The bindings of the component's world, from the same file as the guest's.
pub mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "replica",
        imports: {
            "wasi:io/poll.[method]pollable.block": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        with: {
            "wasi:http/types.fields": hyper::HeaderMap,
            "wasi:http/types.incoming-request": hyper::http::request::Parts,
            "wasi:http/types.outgoing-body": crate::http::OutgoingBody,
            "wasi:http/types.outgoing-response": crate::http::OutgoingResponse,
            "wasi:http/types.response-outparam": crate::http::ResponseOutparam,
            "wasi:io/error.error": crate::wasi::Never,
            "wasi:io/poll.pollable": crate::wasi::Pollable,
            "wasi:io/streams.output-stream": crate::wasi::OutputStream,
            "wasi:keyvalue/atomics.cas": crate::key_value::Cas,
            "wasi:keyvalue/store.bucket": crate::key_value::Bucket,
        },
    });
}

/// What the host keeps for one instance: its side of the imports.
pub struct Instance {
    /// The resources that the guest holds.
    pub table: ResourceTable,
    /// How often the guest has called the world's functions, including drops.
    pub calls: u64,
    pub(crate) key_value: KeyValue,
    pub(crate) outcome: Option<Result<OutgoingResponse, ErrorCode>>,
    limits: StoreLimits,
}

impl Instance {
    /// A store for one new instance, which shares `key_value` with others.
    pub fn store(engine: &Engine, key_value: KeyValue) -> Store<Self> {
        let limits = StoreLimitsBuilder::new()
            .instances(INSTANCES as usize)
            .memories(1)
            .tables(TABLES as usize)
            .table_elements(TABLE_LIMIT)
            .memory_size(MEMORY_LIMIT)
            .build();
        let table = ResourceTable::new();
        let instance = Self { table, calls: 0, key_value, outcome: None, limits };
        let mut store = Store::new(engine, instance);
        store.limiter(|instance| &mut instance.limits);
        let mut ticks = 0;
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            ticks += 1;
            Ok(if ticks < MAX_TICKS { UpdateDeadline::Yield(1) } else { UpdateDeadline::Interrupt })
        });
        store
    }
}

/// A component to run.
#[derive(Clone, Copy)]
pub enum Code<'a> {
    /// The one that the host was built with, compiled already.
    Carried,
    /// Another, to be compiled.
    Wasm(&'a [u8]),
    /// One that wants more than the world, to be compiled, and what links that.
    Beyond(&'a [u8], fn(&mut Linker<Instance>) -> Result<()>),
}

/// Where the memory of instances comes from, and what becomes of it when they are dropped.
#[derive(Clone, Copy)]
pub enum Memory {
    /// There are `places` for it; it is wiped for the next one, which is quick, since unmapping
    /// interrupts every core, and finding out what was written to is a call of the system.
    Kept { places: u32 },
    /// It is the system's, and given back.
    Returned,
}

const CARRIED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/component.cwasm"));

/// A compiled component, linked to what its world imports and to nothing else.
pub struct Guest {
    pre: ReplicaPre<Instance>,
    key_value: KeyValue,
}

impl Guest {
    /// The engine settings for instances whose memory is as told.
    pub fn config(memory: Memory) -> Config {
        let mut config = codegen::config();
        if let Memory::Kept { places } = memory {
            let mut pool = PoolingAllocationConfig::new();
            pool.total_component_instances(places)
                .total_core_instances(places * INSTANCES)
                .total_memories(places)
                .total_tables(places * TABLES)
                .total_stacks(places)
                .table_elements(TABLE_LIMIT)
                .max_memory_size(MEMORY_LIMIT)
                .linear_memory_keep_resident(64 << 10)
                .table_keep_resident(64 << 10);
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        }
        config
    }

    /// Loads and links `code`, whose instances will share `key_value`.
    ///
    /// # Errors
    /// If `code` is not a component, or imports or exports what the world does not have; or if there
    /// is no room for the instances.
    pub fn new(mut config: Config, code: Code, key_value: KeyValue) -> Result<Self> {
        config.enable_compiler(!matches!(code, Code::Carried));
        let engine = Engine::new(&config).context("cannot reserve memory for the instances")?;
        let component = match code {
            // SAFETY: the build script has compiled it with this very Wasmtime.
            Code::Carried => unsafe { Component::deserialize(&engine, CARRIED) },
            Code::Wasm(wasm) | Code::Beyond(wasm, _) => {
                Component::from_binary(&engine, wasm).context("not a component")
            }
        }?;
        let mut linker = linker(&engine)?;
        if let Code::Beyond(_, link) = code {
            link(&mut linker)?;
        }
        let pre = linker.instantiate_pre(&component).and_then(ReplicaPre::new);
        let pre = pre.context("wrong world")?;
        tick(&engine);
        Ok(Self { pre, key_value })
    }

    /// A store for one new instance.
    pub fn store(&self) -> Store<Instance> {
        Instance::store(self.pre.engine(), self.key_value.clone())
    }

    /// Runs `request` in a new instance in `store`, which has the outcome then.
    ///
    /// # Errors
    /// If the guest traps, exits or exceeds a limit, or if there is [`NoRoom`] for it; the error tells
    /// which. There may be an outcome all the same.
    pub async fn handle(&self, store: &mut Store<Instance>, request: Parts) -> Result<()> {
        let table = &mut store.data_mut().table;
        let (request, response) = (table.push(request)?, table.push(ResponseOutparam)?);
        let handled = async {
            let replica = self.pre.instantiate_async(&mut *store).await?;
            let handler = replica.wasi_http_incoming_handler();
            handler.call_handle(&mut *store, request, response).await
        };
        match handled.await {
            // What goes wrong before a guest has done anything, and is not its doing.
            Err(error) if store.data().calls == 0 && !error.is::<Trap>() => {
                Err(error.context(NoRoom))
            }
            result => result,
        }
    }
}

/// The system has no memory, or no addresses, for another instance.
#[derive(Debug)]
pub struct NoRoom;

impl std::fmt::Display for NoRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("no room for another instance")
    }
}

/// A linker with the world's imports, and those that Rust's standard library adds.
///
/// # Errors
/// If an interface is linked twice.
pub fn linker(engine: &Engine) -> Result<Linker<Instance>> {
    let mut linker = Linker::new(engine);
    Replica::add_to_linker::<_, HasSelf<Instance>>(&mut linker, |instance: &mut Instance| {
        instance.calls += 1;
        instance
    })?;
    wasi::add_std_to_linker(&mut linker)?;
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
