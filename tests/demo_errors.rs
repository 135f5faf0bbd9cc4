//! What the demo says when it cannot start.

mod start_up;

use std::process::Command;

#[test]
fn start_up_errors_are_one_clear_line() {
    let demo = || Command::new(env!("CARGO_BIN_EXE_spin-on-k8s-demo"));
    start_up::assert_errors_are_one_clear_line(demo, &[["--replicas", "0"]]);
}
