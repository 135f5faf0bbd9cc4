//! What Rust's standard library needs of libc in a guest without files and environment, in place of
//! wasi-libc's version.
//!
//! That version brings a table of file descriptors, terminals and an environment: thirteen imports
//! that would be resolved for every instance and never called.

use crate::wasi::cli::stderr::get_stderr;
use std::ffi::{c_char, c_int};
use std::mem::forget;
use std::ptr::null_mut;

/// The most bytes that `blocking-write-and-flush` takes at once (wasi:io/streams).
const MAX_WRITE: usize = 4096;

/// Writes to standard error, whatever `_file` is. A log that cannot be written is not an error.
///
/// # Safety
/// `bytes` is valid for reads of `length`.
#[unsafe(no_mangle)]
unsafe extern "C" fn write(_file: c_int, bytes: *const u8, length: usize) -> isize {
    let length = length.min(MAX_WRITE);
    // SAFETY: the caller guarantees it.
    let bytes = unsafe { std::slice::from_raw_parts(bytes, length) };
    forget(get_stderr().blocking_write_and_flush(bytes));
    length as isize
}

/// The environment is empty.
#[unsafe(no_mangle)]
extern "C" fn getenv(_name: *const c_char) -> *mut c_char {
    null_mut()
}

/// There is no working directory.
#[unsafe(no_mangle)]
extern "C" fn getcwd(_buffer: *mut c_char, _size: usize) -> *mut c_char {
    null_mut()
}

/// No error has a description: nothing here can fail with one.
///
/// # Safety
/// `buffer` is valid for a write.
#[unsafe(no_mangle)]
unsafe extern "C" fn strerror_r(_error: c_int, buffer: *mut c_char, _size: usize) -> c_int {
    // SAFETY: the caller guarantees it.
    unsafe { *buffer = 0 };
    0
}
