//! Compiles the component ahead of time, so that the host starts fast and needs no compiler, and keeps
//! the host small.

#[path = "src/codegen.rs"]
mod codegen;

use std::process::Command;
use std::{env, fs, path::Path};
use wasmtime::{Engine, Result};

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
    let target = env::var("TARGET")?;
    // For any machine of this kind, not only for this one.
    config.target(&target)?;
    let code = Engine::new(&config)?.precompile_component(&fs::read(COMPONENT)?)?;
    fs::write(compiled, code)?;
    if target == env::var("HOST")? && glibc_unpacks() {
        // Otherwise the list of addresses to relocate, which is read at every start, takes a megabyte.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    Ok(())
}

/// Whether the C library is a glibc with packed relocations, that is, 2.36 or newer.
fn glibc_unpacks() -> bool {
    let Ok(output) = Command::new("getconf").arg("GNU_LIBC_VERSION").output() else { return false };
    let version = String::from_utf8_lossy(&output.stdout);
    version.trim().strip_prefix("glibc 2.").and_then(|minor| minor.parse().ok()) >= Some(36)
}
