//! The embedded host: runs the component under Wasmtime, as Spin does.
//!
//! In production the host is Spin; this one is for laptops, tests and measurements. It keeps
//! Spin's model (a fresh instance per request, state in a key-value store, settings in
//! variables) and takes Spin's environment variables. It differs where a single process can do
//! better: it watches its own state, so `/quit` ends it without a lifeline, and SIGTERM drains it.
//!
//! It does not use `wasmtime-wasi-http`, which needs a task and a channel for each request. With that
//! crate the host has 29 MB resident, not 8.
//!
//! From the top down:
//!
//! - [`server`] accepts connections, within limits; what is beyond them goes to `refusals`;
//! - `connection` is one of them, on one of the [`workers`]; `handler` is one request;
//! - [`pools`] hands out places for instances;
//! - [`guest`] is the linked component, which runs each request in a new instance;
//! - [`imports`] has a file for each package that the component imports;
//! - [`instance`] is what the host keeps for one instance;
//! - [`bindings`] of the component's world, in terms of [`resources`] and [`key_value`] stores.

pub mod bindings;
mod codegen;
mod connection;
pub mod guest;
mod handler;
pub mod imports;
pub mod instance;
pub mod key_value;
#[path = "../../src/keys.rs"]
pub mod keys;
pub mod pools;
mod refusals;
pub mod resources;
pub mod server;
#[path = "../../lifeline/src/token.rs"]
pub mod token;
pub mod workers;
