//! A release: its version, its contents, and that everyone who builds it gets the same bytes.

use crate::support::{Process, ROOT, copy, manifests, run, shell};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a user's shell may have in it for other projects.
const ENVIRONMENT: &str = "CARGO_TARGET_DIR=/nowhere CARGO_BUILD_TARGET=wasm32-unknown-unknown RUSTFLAGS=-Ctarget-cpu=native";

#[test]
fn the_version_is_the_same_everywhere_and_set_at_once() {
    let folder = copy("version");
    let source = copy("source");
    run(&format!("make -C {folder} version VERSION={VERSION} && rm -r {folder}/target"));
    run(&format!("diff -r {source} {folder}"));

    run(&format!("make -C {folder} version VERSION=98.7.6"));
    let old = format!("grep -rhF {VERSION} {folder} --exclude CHANGELOG.md --exclude '*lock*'");
    assert_eq!(run(&format!("{old} | grep -E 'version|spin-on-k8s:' || true")), "");
    let lock: toml::Table =
        fs::read_to_string(format!("{folder}/Cargo.lock")).unwrap().parse().unwrap();
    for package in lock["package"].as_array().unwrap() {
        let ours = package.get("source").is_none();
        assert_eq!(ours, package["version"].as_str() == Some("98.7.6"), "{package:?}");
    }
    run(&format!("grep -F '## [{VERSION}] - 20' CHANGELOG.md"));
}

#[test]
fn an_old_cargo_is_told_which_is_needed() {
    let bin = concat!(env!("CARGO_TARGET_TMPDIR"), "/old");
    let script = "printf '#!/bin/sh\necho cargo 1.84.0\n' >cargo && chmod +x cargo";
    run(&format!("mkdir -p {bin} && cd {bin} && {script}"));
    let said = shell(&format!("PATH={bin}:$PATH make components")).stderr;
    let needed =
        concat!("make: this needs Rust ", env!("CARGO_PKG_RUST_VERSION"), " or newer, but ");
    assert!(said.starts_with(needed.as_bytes()), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn git_for_windows_checks_out_what_is_committed() {
    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/windows");
    run(&format!("rm -rf {folder} && git -c core.autocrlf=true clone --quiet . {folder}"));
    run(&format!("cd {folder} && ! grep -rlI --exclude-dir .git \"$(printf '\\r')\" ."));
}

/// A home for Cargo that shares nothing with the usual one but what was downloaded and installed.
fn home(name: &str) -> String {
    let home = format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"));
    run(&format!(
        "rm -rf {home}; mkdir -p {home}/registry; cd \"${{CARGO_HOME:-$HOME/.cargo}}\"
         for it in bin config.toml registry/cache registry/index; do
             [ ! -e $it ] || ln -s \"$PWD/$it\" {home}/$it
         done"
    ));
    home
}

#[test]
fn another_folder_home_and_environment_make_no_difference() {
    // A path with a space, and a date that is not Git's.
    let (folder, home) = (copy("else where"), home("home"));
    run(&format!("TZ=UTC touch -t 202611221810.34 '{folder}/Cargo.toml'"));
    run("SOURCE_DATE_EPOCH=1795371034 make dist");
    run(&format!("{ENVIRONMENT} CARGO_HOME={home} make -C '{folder}' dist"));
    let dist = format!("{ROOT}/target/dist");
    let made = |name: &str| fs::read_to_string(format!("{dist}/{name}")).unwrap();
    let sums = made("SHA256SUMS");
    assert_eq!(sums, fs::read_to_string(format!("{folder}/target/dist/SHA256SUMS")).unwrap());

    let mut names: BTreeSet<_> =
        sums.lines().map(|line| line.split_once("  ").unwrap().1.to_owned()).collect();
    names.insert("SHA256SUMS".into());
    let there = fs::read_dir(&dist).unwrap();
    let there = there.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(there.collect::<BTreeSet<_>>(), names);

    let dates = run(&format!("target/venv/bin/python -m zipfile -l {dist}/web.zip"));
    let mut files = dates.lines().skip(1);
    assert!(
        files.clone().count() > 5 && files.all(|it| it.contains("2026-11-22 18:10:34")),
        "{dates}"
    );
    for name in ["spin.toml", "spin.k8s.toml"] {
        let manifest: toml::Table = made(name).parse().unwrap();
        for component in manifest["component"].as_table().unwrap().values() {
            assert!(names.contains(component["source"].as_str().unwrap()), "{name}");
        }
    }
    let install = made("install.yaml");
    for path in manifests() {
        assert!(install.contains(&fs::read_to_string(format!("{ROOT}/{path}")).unwrap()), "{path}");
    }
    for (subject, part, tool) in [
        ("spin-on-k8s", "spin-sdk", "wasmtime"),
        ("lifeline", "spin-sdk", "wasmtime"),
        ("forecast", "@ngrok/webernetes", "esbuild"),
    ] {
        let bill: serde_json::Value =
            serde_json::from_str(&made(&format!("{subject}.cdx.json"))).unwrap();
        assert_eq!(bill["metadata"]["component"]["version"], VERSION);
        let names = bill["components"].as_array().unwrap().iter().map(|it| &it["name"]);
        let names = names.filter_map(|name| name.as_str()).collect::<BTreeSet<_>>();
        assert!(names.contains(part) && !names.contains(tool), "{names:?}");
    }
    assert!(names.contains(&format!("spin-on-k8s-forecast-{VERSION}.tgz")), "{names:?}");
}

#[test]
fn the_image_builds_the_same_components_from_what_its_dockerfile_copies() {
    let stage = concat!(env!("CARGO_TARGET_TMPDIR"), "/stage");
    let source = copy("context");
    run(&format!(
        "rm -rf {stage} && mkdir {stage} && printf 'FROM scratch\nCOPY . .\n' >{stage}/Dockerfile &&
         buildah bud --isolation chroot --tag localhost/stage --file {stage}/Dockerfile \
             --output {stage}/source {source} && buildah rmi localhost/stage"
    ));
    let (_, run_line) = include_str!("../Dockerfile").split_once("RUN --mount").unwrap();
    let (_, command) = run_line.split_once("CARGO_ENCODED").unwrap();
    let (command, _) = command.split_once(" && ").unwrap();
    let command = command.replace("/cache", &format!("{stage}/target"));
    run(&format!(
        "export CARGO_HOME=\"${{CARGO_HOME:-$HOME/.cargo}}\"
         export GIT_CEILING_DIRECTORIES=$CARGO_HOME
         cd {stage}/source && CARGO_ENCODED{command}"
    ));
    let components = "target/wasm32-wasip2/release";
    for component in ["spin_on_k8s.wasm", "lifeline.wasm"] {
        run(&format!("cmp {components}/{component} {stage}/{components}/{component}"));
    }
}

/// Bytes of an archive.
const ARCHIVE: u64 = 6_000_000;

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_host_runs_from_its_archive() {
    run(&format!("{ENVIRONMENT} make archive"));
    let folder = format!("{}/archive", env!("CARGO_TARGET_TMPDIR"));
    let archive =
        format!("target/spin-on-k8s-{}.tar.gz", run("echo $(uname -s)-$(uname -m)").trim());
    let size = fs::metadata(format!("{ROOT}/{archive}")).unwrap().len();
    assert!(size < ARCHIVE, "{size} bytes");
    run(&format!("rm -rf {folder} && mkdir {folder} && tar -xzf {archive} -C {folder}"));
    let program = format!("{folder}/spin-on-k8s/spin-on-k8s");
    let loader = fs::read(&program).unwrap().windows(3).any(|it| it == b"/ld");
    assert!(!loader, "it wants a dynamic loader");
    let host = Process::start(Command::new(program).args(["--listen", "127.0.0.1:0"]));
    host.api.assert_healthy().await;
}
