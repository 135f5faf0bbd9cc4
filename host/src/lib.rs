//! The embedded host: runs the component under Wasmtime, as Spin does.
//!
//! In production the host is Spin; this one is for laptops, tests and measurements. It keeps
//! Spin's model (a fresh instance per request, state in a key-value store, settings in
//! variables) and takes Spin's environment variables. It differs where a single process can do
//! better: a guest that exits ends the host, as R's `quit()` would, and SIGTERM drains it.
//!
//! From the top down:
//!
//! - [`server`] brings requests to guests, within limits, on [`workers`];
//! - [`pools`] hands out places for instances;
//! - [`guest`] is the linked component, which runs each request in a new instance;
//! - [`http`], [`key_value`], [`variables`] and [`wasi`] are what the component imports;
//! - [`instance`] holds what the host keeps for one instance, and the world's bindings.

mod codegen;
pub mod demo;
pub mod guest;
pub mod http;
pub mod instance;
pub mod key_value;
pub mod pools;
pub mod server;
pub mod variables;
pub mod wasi;
pub mod workers;
