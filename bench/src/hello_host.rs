//! The embedded host, serving hello-world.

mod beyond;

use anyhow::{Context, Result};
use spin_on_k8s_host::guest::Code;
use spin_on_k8s_host::key_value::KeyValue;
use spin_on_k8s_host::pools::Pools;
use spin_on_k8s_host::server::{self, Limits};
use spin_on_k8s_host::workers::Workers;
use tokio::net::TcpListener;

/// Serves the component that is its second argument at the address that is its first, until it is
/// killed.
fn main() -> Result<()> {
    let [address, file] = &std::env::args().skip(1).collect::<Vec<_>>()[..] else {
        anyhow::bail!("hello-host ADDRESS COMPONENT")
    };
    let wasm = std::fs::read(file).context(file.clone())?;
    let instances = 1000;
    let pools = Pools::new(Code::Beyond(&wasm, beyond::link), KeyValue::new([]), instances)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        let (limits, workers) = (Limits::default(), Workers::start()?);
        server::run(listener, pools, limits, workers, std::future::pending()).await;
        Ok(())
    })
}
