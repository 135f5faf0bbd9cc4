//! What Rust's standard library needs of libc in a guest without files and environment, in place of
//! wasi-libc's version.
//!
//! That version imports an environment, standard input and output, and terminals, which the world
//! forbids, although nothing here would call them.

use crate::wasi::cli::stderr::get_stderr;
use common::MAX_WRITE;
use std::ffi::{c_char, c_int};
use std::ptr::null_mut;

/// Writes to standard error, whatever `_file` is. A log that cannot be written is not an error.
///
/// # Safety
/// `bytes` is valid for reads of `length`.
#[unsafe(no_mangle)]
unsafe extern "C" fn write(_file: c_int, bytes: *const u8, length: usize) -> isize {
    let length = length.min(MAX_WRITE);
    // SAFETY: the caller guarantees it.
    let bytes = unsafe { std::slice::from_raw_parts(bytes, length) };
    let _ = get_stderr().blocking_write_and_flush(bytes);
    length as isize
}

/// The environment is empty.
#[unsafe(no_mangle)]
extern "C" fn getenv(_name: *const c_char) -> *mut c_char {
    null_mut()
}
