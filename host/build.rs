//! Compiles the component ahead of time, so that the host starts fast and needs no compiler.

#[path = "src/codegen.rs"]
mod codegen;

use std::{env, fs, path::Path};
use wasmtime::Engine;
use wasmtime::error::{Context, Result};

const COMPONENT: &str = "../target/wasm32-wasip2/release/spin_on_k8s.wasm";

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed={COMPONENT}");
    println!("cargo::rerun-if-env-changed=TYPES_ONLY");
    let compiled = Path::new(&env::var("OUT_DIR")?).join("component.cwasm");
    if env::var_os("TYPES_ONLY").is_some() {
        // Only for checking types: the component cannot be compiled for another machine's architecture.
        return Ok(fs::write(compiled, "")?);
    }
    let mut config = codegen::config();
    // For any machine of this kind, not only for this one.
    config.target(&env::var("TARGET")?)?;
    let component = fs::read(COMPONENT);
    let component = component.with_context(|| format!("no {COMPONENT}: run make components"))?;
    Ok(fs::write(compiled, Engine::new(&config)?.precompile_component(&component)?)?)
}
