//! A release: its version, its contents, and that everyone who builds it gets the same bytes.

use crate::demo::Demo;
use crate::manifests::manifests;
use crate::support::{ROOT, run};
use std::collections::BTreeSet;
use std::fs;

const VERSION: &str = env!("CARGO_PKG_VERSION");

const FILES: &str = "git ls-files --cached --others --exclude-standard";

/// The files of the repository, without those in folders that are links.
fn files() -> Vec<String> {
    let is_file = |name: &String| fs::metadata(format!("{ROOT}/{name}")).unwrap().is_file();
    run(FILES).lines().map(String::from).filter(is_file).collect()
}

/// A copy of the repository, in a folder of that name.
fn copy(name: &str) -> String {
    let folder = format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"));
    let unpack = format!("rm -rf {folder} && mkdir -p {folder} && tar -xf - -C {folder}");
    run(&format!("{FILES} | tar -cf - -T - | ({unpack})"));
    folder
}

#[test]
fn the_version_is_the_same_everywhere_and_set_at_once() {
    let folder = copy("version");
    run(&format!("make -C {folder} version VERSION={VERSION}"));
    for file in files() {
        let same = fs::read(format!("{ROOT}/{file}")).unwrap()
            == fs::read(format!("{folder}/{file}")).unwrap();
        assert!(same, "{file}: make version VERSION={VERSION}");
    }

    run(&format!("make -C {folder} version VERSION=98.7.6"));
    for file in files().iter().filter(|file| *file != "CHANGELOG.md" && !file.ends_with(".lock")) {
        let Ok(text) = fs::read_to_string(format!("{folder}/{file}")) else { continue };
        let ours = |line: &&str| line.contains("version") || line.contains("spin-on-k8s:");
        let old = text.lines().filter(ours).find(|line| line.contains(VERSION));
        assert_eq!(old, None, "{file}");
    }
    let lock: toml::Table =
        fs::read_to_string(format!("{folder}/Cargo.lock")).unwrap().parse().unwrap();
    for package in lock["package"].as_array().unwrap() {
        let ours = package.get("source").is_none();
        assert_eq!(ours, package["version"].as_str() == Some("98.7.6"), "{package:?}");
    }
}

#[test]
fn the_changelog_tells_of_this_version() {
    let changelog = fs::read_to_string(format!("{ROOT}/CHANGELOG.md")).unwrap();
    let mut releases = changelog.lines().filter(|line| line.starts_with("## ["));
    assert_eq!(releases.next(), Some("## [Unreleased]"));
    let newest = releases.next().unwrap();
    assert!(newest.starts_with(&format!("## [{VERSION}] - 20")), "{newest}");
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
fn another_folder_and_another_home_make_no_difference() {
    let (folder, home) = (copy("elsewhere/deeper"), home("home"));
    run("SOURCE_DATE_EPOCH=1 make dist");
    run(&format!("SOURCE_DATE_EPOCH=1 CARGO_HOME={home} make -C {folder} dist"));
    let dist = |folder: &str| format!("{folder}/target/dist");
    let sums = |folder: &str| fs::read_to_string(format!("{}/SHA256SUMS", dist(folder))).unwrap();
    assert_eq!(sums(ROOT), sums(&folder));

    let made = |name: &str| fs::read_to_string(format!("{}/{name}", dist(ROOT))).unwrap();
    let mut names = BTreeSet::from(["SHA256SUMS".to_owned()]);
    for line in sums(ROOT).lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        assert_eq!(sum.len(), 64);
        names.insert(name.into());
    }
    let there = fs::read_dir(dist(ROOT)).unwrap();
    let there = there.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(there.collect::<BTreeSet<_>>(), names);

    for name in ["spin.toml", "spin.k8s.toml"] {
        let manifest: toml::Table = made(name).parse().unwrap();
        for component in manifest["component"].as_table().unwrap().values() {
            assert!(names.contains(component["source"].as_str().unwrap()), "{name}");
        }
    }
    let install = made("install.yaml");
    for path in manifests() {
        let text = fs::read_to_string(path).unwrap();
        assert!(install.contains(&text.replace(
            &format!(" spin-on-k8s:{VERSION}"),
            &format!(" ghcr.io/spin-on-k8s/spin-on-k8s:{VERSION}")
        )));
    }
    for guest in ["spin-on-k8s", "lifeline"] {
        let bill: serde_json::Value =
            serde_json::from_str(&made(&format!("{guest}.cdx.json"))).unwrap();
        assert_eq!(bill["bomFormat"], "CycloneDX");
        assert_eq!(bill["metadata"]["component"]["version"], VERSION);
        let names = bill["components"].as_array().unwrap().iter().map(|it| &it["name"]);
        let names = names.filter_map(|name| name.as_str()).collect::<BTreeSet<_>>();
        assert!(names.contains("spin-sdk") && !names.contains("wasmtime"), "{names:?}");
    }
}

/// Bytes of an archive.
const ARCHIVE: u64 = 6_000_000;

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_demo_runs_from_its_archive() {
    run("make archive");
    let folder = format!("{}/archive", env!("CARGO_TARGET_TMPDIR"));
    let archive =
        format!("target/spin-on-k8s-{}.tar.gz", run("echo $(uname -s)-$(uname -m)").trim());
    let size = fs::metadata(format!("{ROOT}/{archive}")).unwrap().len();
    assert!(size < ARCHIVE, "{size} bytes");
    run(&format!("rm -rf {folder} && mkdir {folder} && tar -xzf {archive} -C {folder}"));
    let program = format!("{folder}/spin-on-k8s/spin-on-k8s");
    let loader = fs::read(&program).unwrap().windows(3).any(|it| it == b"/ld");
    assert!(!loader, "{program} wants a dynamic loader");
    let demo = Demo::of(&program, &[]);
    while demo.api.get("/parity?int=7").await.body != "odd" {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
