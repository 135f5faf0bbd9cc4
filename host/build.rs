//! Compiles the component ahead of time, so that the host need not do it at its start.

#[path = "src/codegen.rs"]
mod codegen;

use std::{env, fs, path::Path};
use wasmtime::{Engine, Result};

const COMPONENT: &str = "../target/wasm32-wasip2/release/spin_on_k8s.wasm";

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed={COMPONENT}");
    let mut config = codegen::config();
    // Not for this very machine, but for all of its kind.
    config.target(&env::var("TARGET")?)?;
    let code = Engine::new(&config)?.precompile_component(&fs::read(COMPONENT)?)?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("component.cwasm"), code)?;
    Ok(())
}
