//! What a request costs the guest: instructions and host calls. Both are the same on every machine.

use anyhow::{Context, Result, ensure};
use hyper::Request;
use spin_on_k8s_host::guest::{Code, Guest, Memory};
use spin_on_k8s_host::key_value::KeyValue;
use tokio::runtime;
use wasmtime::Engine;

/// What one request costs.
pub struct Cost {
    pub what: &'static str,
    /// Wasmtime's fuel, about one unit an instruction.
    pub fuel: u64,
    /// Calls of imported functions, drops of resources included.
    pub calls: u64,
}

/// The costs of each endpoint of `component`.
pub fn costs(component: &str) -> Result<Vec<Cost>> {
    let component = std::fs::read(component)?;
    let mut config = Guest::config(Memory::Kept { places: 1 });
    // Mapped into its memory, as on Spin, the guest's data costs nothing.
    config.consume_fuel(true).memory_init_cow(true);
    let compiled = Engine::new(&config)?.precompile_component(&component)?;
    // SAFETY: just compiled.
    let guest = Guest::new(&config, unsafe { Code::new(&compiled) }, KeyValue::new(["default"]))?;
    let requests = [
        ("GET", "/parity?int=7"),
        ("GET", "/wait"),
        ("GET", "/health"),
        ("POST", "/fail"),
        ("POST", "/quit"),
    ];
    requests.into_iter().map(|(method, what)| cost(&guest, method, what)).collect()
}

fn cost(guest: &Guest, method: &str, what: &'static str) -> Result<Cost> {
    let request = Request::builder().method(method).uri(what).header("host", "localhost");
    let (request, ()) = request.body(())?.into_parts();
    let mut store = guest.store();
    store.set_fuel(u64::MAX)?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    // A guest may exit after it has answered.
    let handled = runtime.block_on(guest.handle(&mut store, request));
    let outcome =
        store.data_mut().take_outcome().with_context(|| format!("{what}: {handled:?}"))?;
    ensure!(outcome.is_ok_and(|response| response.status().is_success()), "{what} fails");
    Ok(Cost { what, fuel: u64::MAX - store.get_fuel()?, calls: store.data().calls })
}
