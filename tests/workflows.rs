//! The workflows, in the eyes of linters. They run at GitHub only.

use crate::support::{run, shell};
use std::fs;

const ZIZMOR: &str = "target/venv/bin/zizmor --offline --quiet --persona pedantic";
const SCHEMA: &str = "target/venv/bin/check-jsonschema --builtin-schema vendor.github-workflows";

#[test]
fn the_linters_find_nothing() {
    run(&format!("{ZIZMOR} .github/workflows"));
    run(&format!("{SCHEMA} .github/workflows/*.yaml"));
}

#[test]
fn a_fault_is_found() {
    let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/workflow.yaml");
    let workflow = |branch: &str, step: &str| {
        format!("on: {branch}\njobs:\n  it:\n    runs-on: ubuntu-24.04\n    steps: [{step}]\n")
    };
    fs::write(file, workflow("push", "{ uses: actions/checkout@v4 }")).unwrap();
    let found = String::from_utf8(shell(&format!("{ZIZMOR} {file}")).stdout).unwrap();
    assert!(found.contains("unpinned-uses"), "{found}");
    fs::write(file, workflow("push", "{ runs: make }")).unwrap();
    assert!(!shell(&format!("{SCHEMA} {file}")).status.success());
}
