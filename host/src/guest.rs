//! The linked component, which runs each request in a new instance.

use crate::bindings::{Replica, ReplicaPre};
use crate::codegen;
use crate::instance::{INSTANCES, Instance, MEMORY_LIMIT, TABLE_LIMIT, TABLES, TICK};
use crate::key_value::KeyValue;
use crate::resources::ResponseOutparam;
use hyper::http::request::Parts;
use std::{io, thread};
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::error::{Context, Result};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, Trap};

/// A compiled component.
#[derive(Clone, Copy)]
pub struct Code<'a>(&'a [u8]);

impl<'a> Code<'a> {
    /// The one that the host was built with.
    pub const CARRIED: Code<'static> =
        // SAFETY: the build script compiles it with the same version of Wasmtime.
        unsafe { Code::new(include_bytes!(concat!(env!("OUT_DIR"), "/component.cwasm"))) };

    /// Another one, for tests: this host has no compiler.
    ///
    /// # Safety
    /// `compiled` must come from this version of Wasmtime.
    pub const unsafe fn new(compiled: &'a [u8]) -> Self {
        Self(compiled)
    }
}

/// Where instances get their memory, and what happens to it when they are dropped.
#[derive(Clone, Copy)]
pub enum Memory {
    /// From a pool of `places`. It is wiped for the next instance. That is faster than unmapping it, which
    /// interrupts every core, or than asking the system which pages were written to.
    Warm { places: u32 },
    /// From the system, which gets it back.
    Cold,
}

/// A component that is linked to what its world imports, and to nothing else.
pub struct Guest {
    pre: ReplicaPre<Instance>,
    key_value: KeyValue,
}

impl Guest {
    /// The engine settings for instances with this kind of memory.
    pub fn config(memory: Memory) -> Config {
        let mut config = codegen::config();
        if let Memory::Warm { places } = memory {
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
    /// If `code` was compiled with other settings, if its imports or exports differ from the world's, or if
    /// there is no room for the instances, or no thread.
    pub fn new(config: &Config, code: Code, key_value: KeyValue) -> Result<Self> {
        let engine = Engine::new(config).context("cannot reserve memory for the instances")?;
        // SAFETY: the caller of `Code::new` vouched for its origin.
        let component = unsafe { Component::deserialize(&engine, code.0) }?;
        let pre = linker(&engine)?.instantiate_pre(&component).and_then(ReplicaPre::new);
        let pre = pre.context("wrong world")?;
        tick(&engine).context("cannot start a thread")?;
        Ok(Self { pre, key_value })
    }

    /// A store for one new instance.
    pub fn store(&self) -> Store<Instance> {
        Instance::store(self.pre.engine(), self.key_value.clone())
    }

    /// Runs `request` in a new instance in `store`, and leaves the outcome there.
    ///
    /// # Errors
    /// If the guest traps or exceeds a limit, or if there is no room for it. The error says which.
    /// There may be an outcome even so.
    pub async fn handle(&self, store: &mut Store<Instance>, request: Parts) -> Result<()> {
        let table = &mut store.data_mut().table;
        let (request, response) = (table.push(request)?, table.push(ResponseOutparam)?);
        let replica = match self.pre.instantiate_async(&mut *store).await {
            Ok(replica) => replica,
            // The guest has not done anything yet, so this is not its fault.
            Err(error) if store.data().calls == 0 && !error.is::<Trap>() => {
                return Err(error.context(NoRoom));
            }
            Err(error) => return Err(error),
        };
        // This needs no further memory of the system's: Wasmtime reuses the fiber.
        replica.wasi_http_incoming_handler().call_handle(store, request, response).await
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

/// A linker with the world's imports.
///
/// # Errors
/// If an interface is linked twice.
pub fn linker(engine: &Engine) -> Result<Linker<Instance>> {
    let mut linker = Linker::new(engine);
    Replica::add_to_linker::<_, HasSelf<Instance>>(&mut linker, |instance: &mut Instance| {
        instance.calls += 1;
        instance
    })?;
    Ok(linker)
}

/// Advances the engine's clock as long as the engine exists.
///
/// It has its own thread, because guests may keep all threads of the runtime busy.
fn tick(engine: &Engine) -> io::Result<()> {
    let engine = engine.weak();
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    };
    thread::Builder::new().spawn(tick).map(drop)
}
