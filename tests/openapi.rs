//! The OpenAPI document against the running component: schemathesis generates requests from it, and
//! holds the answers to it with all of its checks.

use crate::support::{Process, ROOT};
use serde_json::Value;
use std::fs;
use std::process::Command;
use url::Url;

/// A file, because schemathesis would leave out the path from which it loaded the document.
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/openapi.json");

const TOKEN: &str = "Authorization: Bearer sesame";

/// What schemathesis is told, and the least number of cases that it must make of that. The runs go in
/// this order to one replica, which requires a token.
const RUNS: [(&str, &[&str], usize); 5] = [
    // Everything that is safe. Each case of `/wait` takes five seconds, but there are few, since it has
    // no parameters.
    ("examples,coverage,fuzzing", &["--exclude-path=/fail", "--exclude-path=/quit", "-n250"], 800),
    (
        "examples,coverage,fuzzing",
        &["--include-path=/", "--include-path=/openapi.json", "-n50", "--header=Accept: text/html"],
        100,
    ),
    // Without the token: 401.
    (
        "coverage,fuzzing",
        &["--include-path=/fail", "--include-path=/quit", "-n50", "--warnings=off"],
        100,
    ),
    ("coverage,fuzzing", &["--include-path=/fail", "-n50", "--header", TOKEN], 10),
    // Once only, since the replica is gone afterwards.
    (
        "fuzzing",
        &[
            "--include-path=/quit",
            "-n1",
            "--mode=positive",
            "--exclude-checks=ignored_auth",
            "--header",
            TOKEN,
        ],
        1,
    ),
];

/// Runs schemathesis in a folder for the files that it leaves, and returns what it says.
fn schemathesis(args: &[&str]) -> String {
    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/openapi");
    fs::create_dir_all(folder).unwrap();
    let mut command = Command::new(format!("{ROOT}/target/venv/bin/schemathesis"));
    let output = command.args(args).current_dir(folder).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{args:?}: {said}");
    said
}

/// What generated clients and Postman ask unless they are told otherwise. openapi-generator makes
/// `http://.` of a relative URL, and swagger-typescript-api leaves variables as they are.
#[test]
fn the_first_server_is_an_absolute_url() {
    let document: Value = serde_json::from_str(&fs::read_to_string(DOCUMENT).unwrap()).unwrap();
    let server = document["servers"][0]["url"].as_str().unwrap();
    assert!(Url::parse(server).is_ok(), "{server}");
}

#[tokio::test]
async fn the_component_answers_as_the_document_says() {
    let mut replica = Process::start(Process::command().env("SPIN_VARIABLE_CHAOS_TOKEN", "sesame"));
    let url = format!("http://{}", replica.address);
    for (phases, args, least) in RUNS {
        let common = [
            "--no-color",
            "run",
            DOCUMENT,
            "--url",
            &url,
            "--generation-deterministic",
            "--workers=4",
        ];
        let said = schemathesis(&[&common[..], &["--phases", phases], args].concat());
        let cases = said.lines().find_map(|line| line.trim().split_once(" generated, "));
        let (cases, _) = cases.unwrap_or_else(|| panic!("{said}"));
        println!("schemathesis {}: {cases} cases", args.join(" "));
        assert!(cases.parse::<usize>().unwrap() >= least, "{said}");
    }
    assert_eq!(replica.end().await.0, Some(0));
}
