//! The component, linked, and what runs a request in a new instance of it.

use crate::codegen;
use crate::http::ResponseOutparam;
use crate::instance::bindings::{Replica, ReplicaPre};
use crate::instance::{INSTANCES, Instance, MEMORY_LIMIT, TABLE_LIMIT, TABLES, TICK};
use crate::key_value::KeyValue;
use hyper::http::request::Parts;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::error::{Context, Result};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, Trap};

/// A component, compiled.
#[derive(Clone, Copy)]
pub struct Code<'a>(&'a [u8]);

impl<'a> Code<'a> {
    /// The one that the host was built with.
    pub const CARRIED: Code<'static> =
        // SAFETY: the build script has compiled it with this very Wasmtime.
        unsafe { Code::new(include_bytes!(concat!(env!("OUT_DIR"), "/component.cwasm"))) };

    /// Another one, for tests: this host has no compiler.
    ///
    /// # Safety
    /// `compiled` is what this very Wasmtime has made of a component.
    pub const unsafe fn new(compiled: &'a [u8]) -> Self {
        Self(compiled)
    }
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
    /// If `code` was compiled with other settings, or imports or exports what the world does not have; or
    /// if there is no room for the instances.
    pub fn new(config: &Config, code: Code, key_value: KeyValue) -> Result<Self> {
        let engine = Engine::new(config).context("cannot reserve memory for the instances")?;
        // SAFETY: whoever made `code` has said where it is from.
        let component = unsafe { Component::deserialize(&engine, code.0) }?;
        let pre = linker(&engine)?.instantiate_pre(&component).and_then(ReplicaPre::new);
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
