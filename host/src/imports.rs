//! What the component imports: for each of its packages, the host's side of it.

pub mod variables;

mod clocks;
mod http;
mod key_value;
mod streams;
