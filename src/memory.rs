//! The guest's `malloc`, which replaces libc's.
//!
//! It frees nothing: an instance gives one answer and is dropped with its memory. That saves a third
//! of a request's instructions, and a tenth of the component's size.

use std::arch::wasm32::{memory_grow, memory_size};
use std::ffi::c_int;
use std::ptr::{copy, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Bytes in a page, the unit by which memory grows.
const PAGE: usize = 1 << 16;

/// The alignment that C requires of allocated memory.
const ALIGN: usize = 16;

/// wasi-libc's error for running out of memory.
const ENOMEM: c_int = 48;

unsafe extern "C" {
    /// Where the linker says that free memory begins.
    static __heap_base: u8;
}

/// Where free memory begins now; 0 until something is taken.
static FREE: AtomicUsize = AtomicUsize::new(0);

/// Takes `size` bytes, which are zero, since none is ever used twice. `align` is a power of two.
fn take(align: usize, size: usize) -> *mut u8 {
    let free = match FREE.load(Relaxed) {
        0 => (&raw const __heap_base).addr(),
        free => free,
    };
    let start = (free + align - 1) & !(align - 1);
    let Some(end) = start.checked_add(size) else { return null_mut() };
    let pages = end.div_ceil(PAGE);
    let present = memory_size::<0>();
    if pages > present && memory_grow::<0>(pages - present) == usize::MAX {
        return null_mut();
    }
    FREE.store(end, Relaxed);
    start as *mut u8
}

#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut u8 {
    take(ALIGN, size)
}

#[unsafe(no_mangle)]
extern "C" fn calloc(count: usize, size: usize) -> *mut u8 {
    count.checked_mul(size).map_or(null_mut(), |size| malloc(size))
}

/// # Safety
/// `old` is null or came from here.
#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(old: *mut u8, size: usize) -> *mut u8 {
    let new = malloc(size);
    if !old.is_null() && !new.is_null() {
        // SAFETY: if `old` was smaller, the excess that is copied is still this guest's memory,
        // since `old` is before `new`.
        unsafe { copy(old, new, size) };
    }
    new
}

/// # Safety
/// `out` is valid for a write.
#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(out: *mut *mut u8, align: usize, size: usize) -> c_int {
    let new = take(align, size);
    if new.is_null() {
        return ENOMEM;
    }
    // SAFETY: the caller guarantees it.
    unsafe { *out = new };
    0
}

#[unsafe(no_mangle)]
extern "C" fn free(_: *mut u8) {}
