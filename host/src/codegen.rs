//! How components are compiled; the build script and the host have to agree on this.

use wasmtime::Config;

/// How far a guest's linear memory can grow, in bytes; it starts with 64 KiB.
pub const MEMORY_LIMIT: usize = 8 << 20;

/// The settings that the compiled code depends on.
pub fn config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        // Reserve addresses for what a memory may grow to. The default, four gigabytes and a guard region
        // of 32 MiB, spares bounds checks, but a kernel with 39-bit addresses has room for only 120 of them.
        .memory_reservation(MEMORY_LIMIT as u64)
        .memory_reservation_for_growth(0)
        .memory_guard_size(64 << 10)
        // The component is stripped, so a backtrace would be useless.
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false)
        .native_unwind_info(false)
        // An image would use one more mapping per memory, out of the 65,530 that the system allows.
        .memory_init_cow(false);
    config
}
