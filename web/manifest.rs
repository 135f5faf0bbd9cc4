//! Prints a Kubernetes manifest as JSON, which browsers read: standard input to standard output.

use serde_json::Value;
use std::io::{read_to_string, stdin};

fn main() -> anyhow::Result<()> {
    let manifest: Value = serde_saphyr::from_str(&read_to_string(stdin())?)?;
    println!("{manifest}");
    Ok(())
}
