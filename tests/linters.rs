//! Linters find nothing in the page and the OpenAPI document.

use crate::support::shell;

/// Runs a command from an npm package; returns whether it succeeded, and what it said.
fn lint(command: &str) -> (bool, String) {
    let output = shell(&format!("cd target/node_modules && {command}"));
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[test]
fn redocly_finds_nothing_in_the_openapi_document() {
    let (succeeded, said) = lint(".bin/redocly lint ../../src/openapi.json");
    assert!(succeeded && said.contains("Your API description is valid"), "{said}");
    assert!(!said.contains("Warning was generated"), "{said}");
}

#[test]
fn spectral_finds_nothing_in_the_openapi_document() {
    let rules = r#"echo 'extends: ["spectral:oas"]' >spectral.yaml"#;
    let run =
        ".bin/spectral lint --fail-severity hint --ruleset spectral.yaml ../../src/openapi.json";
    let (succeeded, said) = lint(&format!("{rules} && {run}"));
    assert!(succeeded, "{said}");
}

#[test]
fn the_nu_checker_finds_nothing_in_the_page() {
    let (succeeded, said) = lint("java -jar vnu-jar/build/dist/vnu.jar ../../src/page.html");
    assert!(succeeded && said.is_empty(), "{said}");
}

#[test]
fn a_fault_is_found() {
    let (page, openapi) = ("../linters.html", "../linters.json");
    let (made, _) =
        lint(&format!("echo '<p>no title' >{page} && echo '{{\"openapi\":\"3.1.0\"}}' >{openapi}"));
    assert!(made);
    assert!(!lint(&format!("java -jar vnu-jar/build/dist/vnu.jar {page}")).0);
    assert!(!lint(&format!(".bin/redocly lint {openapi}")).0);
    assert!(
        !lint(&format!(
            ".bin/spectral lint --fail-severity hint --ruleset spectral.yaml {openapi}"
        ))
        .0
    );
}
