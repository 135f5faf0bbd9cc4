//! The forecast as one file: what it is made with, and what its JSON looks like.

use crate::support::{copy, run, shell};

/// What its script may use.
const TOOLS: &str = "sh dirname sed cmp cp env grep";

#[test]
fn it_is_made_and_runs_with_node_alone() {
    let source = copy("alone");
    let bin = format!("{source}/bin");
    run(&format!(
        "mkdir {bin} && for it in {TOOLS}; do ln -s \"$(command -v $it)\" {bin}; done
         for it in node npm; do ln -s \"$(readlink -f target/venv/bin/$it)\" {bin}/$it; done"
    ));
    let make = format!("PATH={bin} npm_config_prefer_offline=true {source}/scripts/forecast");
    assert_eq!(run(&format!("{make} - --version </dev/null")).trim(), env!("CARGO_PKG_VERSION"));

    run(&format!("rm {bin}/npm"));
    let output = shell(&make);
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.ends_with("make: this needs Python 3.8 or newer, and there is no python3\n"));
}

/// A Deployment that nobody sends requests.
const SILENT: &str = r#"{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
"spec": {"selector": {"matchLabels": {"app": "a"}}, "template": {"metadata": {"labels": {"app": "a"}},
"spec": {"containers": [{"name": "a", "image": "a"}]}}}}"#;

#[test]
fn its_json_is_as_its_schema_says() {
    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/forecasts");
    run(&format!("rm -rf {folder} && mkdir {folder} && scripts/forecast"));
    let single = "web/samples/single.yaml";
    for (name, arguments, code) in [
        ("found", format!("{single} --term cuts"), 1),
        ("never-ready", "web/samples/slow-start.yaml --start 60".into(), 1),
        ("compared", format!("{single} --against web/samples/good.yaml"), 1),
        ("silent", "-".into(), 0),
    ] {
        let command = format!("target/venv/bin/node target/forecast.mjs {arguments} --output json");
        run(&format!("echo '{SILENT}' | {command} >{folder}/{name}.json; [ $? = {code} ]"));
    }
    let check = "PATH=target/venv/bin:$PATH check-jsonschema";
    run(&format!("{check} --check-metaschema docs/forecast.schema.json"));
    run(&format!("{check} --schemafile docs/forecast.schema.json {folder}/*.json"));
}
