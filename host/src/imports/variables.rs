//! `fermyon:spin/variables`, from the environment.

use crate::bindings::fermyon::spin::variables::{Error, Host};
use crate::instance::Instance;

/// The variables with their defaults, as `spin.toml` declares them.
pub const DEFAULTS: [(&str, &str); 3] =
    [("chaos_token", ""), ("hostname", "localhost"), ("max_waits", "0")];

/// The value of a declared variable: `SPIN_VARIABLE_<NAME>`, as with Spin, or its default.
pub fn get(name: &str) -> Option<String> {
    let (_, default) = DEFAULTS.iter().find(|(declared, _)| *declared == name)?;
    let variable = format!("SPIN_VARIABLE_{}", name.to_uppercase());
    Some(std::env::var(variable).unwrap_or_else(|_| (*default).into()))
}

impl Host for Instance {
    fn get(&mut self, name: String) -> wasmtime::Result<Result<String, Error>> {
        Ok(get(&name).ok_or(Error::Undefined(name)))
    }
}
