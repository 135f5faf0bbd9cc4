//! What the build script and the host have to agree on: how components are compiled.

use wasmtime::Config;

/// The settings that the compiled code depends on.
pub fn config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        // An image would be one more mapping for each memory, and the system has 65,530 for all.
        .memory_init_cow(false);
    config
}
