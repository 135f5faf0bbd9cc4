//! `fermyon:spin/variables`, from the environment.

use crate::guest::Instance;
use crate::guest::bindings::fermyon::spin::variables::{Error, Host};

/// The variables with their defaults, as `spin.toml` declares them.
pub const DEFAULTS: [(&str, &str); 1] = [("hostname", "localhost")];

impl Host for Instance {
    /// The value of `SPIN_VARIABLE_<NAME>`, as Spin has it, or the default.
    fn get(&mut self, name: String) -> wasmtime::Result<Result<String, Error>> {
        Ok(match DEFAULTS.iter().find(|(declared, _)| *declared == name) {
            Some((_, default)) => {
                let variable = format!("SPIN_VARIABLE_{}", name.to_uppercase());
                Ok(std::env::var(variable).unwrap_or_else(|_| (*default).into()))
            }
            None => Err(Error::Undefined(name)),
        })
    }
}
