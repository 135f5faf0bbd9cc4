//! What the host keeps for each instance of the component.

use crate::bindings::wasi::http::types::ErrorCode;
pub use crate::codegen::MEMORY_LIMIT;
use crate::key_value::KeyValue;
use crate::resources::OutgoingResponse;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use std::time::Duration;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder, UpdateDeadline};

/// How many elements each table of a component can grow to.
pub(crate) const TABLE_LIMIT: usize = 10_000;

/// How many core modules a component may consist of: the guest's own, and glue.
pub(crate) const INSTANCES: u32 = 8;

/// How many tables these may have.
pub(crate) const TABLES: u32 = 2;

/// How many handles of the world's resources a component may have at once.
const HANDLES: usize = 64;

/// How many bytes it may pass to one of the world's functions. Header lists take up to two and a half times as many
/// here, and every handle may be one.
const ARGUMENTS: usize = 64 << 10;

/// How many bytes it may write to all bodies together, of which one is its answer's.
const BODIES: usize = 8 << 20;

/// The time after which a computing guest is interrupted to let others run.
pub const TICK: Duration = Duration::from_millis(10);

/// The number of interruptions after which it is stopped for good. Waiting does not count as computing.
pub const MAX_TICKS: u32 = 100;

/// What a guest's `response-outparam` is set to.
pub type Outcome = Result<Response<Full<Bytes>>, ErrorCode>;

/// What the host keeps for one instance: its side of the imports.
pub struct Instance {
    /// The resources that the guest holds.
    pub table: ResourceTable,
    /// How often the guest has called the world's functions, including drops.
    pub calls: u64,
    /// How many bytes it may still write to bodies.
    pub(crate) body_room: usize,
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
        let instance =
            Self { table, calls: 0, body_room: BODIES, key_value, outcome: None, limits };
        let mut store = Store::new(engine, instance);
        store.set_max_component_handles(HANDLES);
        store.set_hostcall_fuel(ARGUMENTS);
        store.limiter(|instance| &mut instance.limits);
        let mut ticks = 0;
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            ticks += 1;
            Ok(if ticks < MAX_TICKS { UpdateDeadline::Yield(1) } else { UpdateDeadline::Interrupt })
        });
        store
    }

    /// The answer that the guest has set, unless its body was never finished.
    pub fn take_outcome(&mut self) -> Option<Outcome> {
        self.outcome.take()?.map(OutgoingResponse::into_whole).transpose()
    }
}
