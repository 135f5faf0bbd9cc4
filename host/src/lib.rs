//! The embedded host: runs the component under Wasmtime, as Spin does.
//!
//! In production the host is Spin; this one is for laptops, tests and measurements. It keeps
//! Spin's model (a fresh instance per request, state in a key-value store, settings in
//! variables) and takes Spin's environment variables. It differs where a single process can do
//! better: it watches its own state, so `/quit` ends it without a lifeline, and SIGTERM drains it.
//!
//! It does not use `wasmtime-wasi` and `wasmtime-wasi-http`, which need a task and a channel for each request. With
//! version 48 of them, a trial met the contract in 1,255 lines instead of 1,619, but a request took 13 to 20 % more
//! processor time, an idle host 7.0 MB instead of 5.7, the program 4.4 MB instead of 3.3, and 167 crates instead of
//! 111. `wasmtime-wasi-keyvalue` binds another draft, without `cas`, and its stores are not shared by instances.
//!
//! From the top down:
//!
//! - `server` accepts connections, within limits; what is beyond them goes to `refusals`;
//! - `connection` is one of them, on one of the `workers`; `handler` is one request;
//! - `pools` hands out places for instances;
//! - `guest` is the linked component, which runs each request in a new instance;
//! - `imports` has a file for each package that the component imports;
//! - `instance` is what the host keeps for one instance;
//! - `bindings` of the component's world, in terms of `resources` and `key_value` stores.

mod bindings;
mod codegen;
mod connection;
mod guest;
mod handler;
mod imports;
mod instance;
mod key_value;
mod pools;
mod refusals;
mod resources;
mod server;
mod workers;

pub use guest::Code;
pub use imports::variables;
pub use key_value::KeyValue;
pub use pools::Pools;
pub use server::{Limits, run};
pub use workers::Workers;

// For tests, which also run other guests, and call the imports by themselves.
pub use bindings::wasi;
pub use guest::{Guest, Memory, linker};
pub use instance::{Instance, MAX_TICKS, MEMORY_LIMIT, TICK};
pub use resources::OutgoingBody;
