//! The image: what is in it, and whether it survives a registry.

use crate::release::built;
use crate::support::run;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const IMAGE: &str = "localhost/spin-on-k8s-test:latest";
/// The most bytes that all layers may have, compressed.
const LAYERS: u64 = 87 << 10;

/// A registry on loopback, for as long as the test lasts.
pub struct Registry {
    child: Child,
    pub address: String,
}

impl Registry {
    /// Its images are in a folder of that name.
    pub fn start(name: &str) -> Self {
        let folder = format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let config = format!("{folder}/config.yml");
        let storage = format!("storage: {{filesystem: {{rootdirectory: {folder}}}}}");
        fs::write(&config, format!("version: 0.1\n{storage}\nhttp: {{addr: '127.0.0.1:0'}}\n"))
            .unwrap();
        let mut child = Command::new("docker-registry")
            .args(["serve", &config])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut lines = log.lines().map(Result::unwrap);
        let line = lines.find(|line| line.contains("listening on ")).expect("an address");
        let address = line.split("listening on ").nth(1).unwrap().split('"').next().unwrap().into();
        // It would block on a log that nobody reads.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_builder_is_named_in_full_and_compiles_as_here() {
    let toolchain: toml::Table = include_str!("../rust-toolchain.toml").parse().unwrap();
    let version = toolchain["toolchain"]["channel"].as_str().unwrap();
    let builder = format!(" docker.io/library/rust:{version}-slim AS build\n");
    assert!(include_str!("../Dockerfile").contains(&builder), "{builder}");
}

#[test]
fn three_files_that_all_may_read_survive_a_registry() {
    // As a checkout with umask 077 is.
    let source = built("private");
    run(&format!("chmod -R go= {source}"));
    run(&format!("make -C {source} -o components image LOCAL=1 IMAGE={IMAGE} BUILDER=buildah"));
    let registry = Registry::start("registry");
    let remote = format!("docker://{}/spin-on-k8s:{VERSION}", registry.address);
    run(&format!("skopeo copy --dest-tls-verify=false containers-storage:{IMAGE} {remote}"));
    run(&format!("buildah rmi {IMAGE}"));
    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/pulled");
    run(&format!("rm -rf {folder} && skopeo copy --src-tls-verify=false {remote} dir:{folder}"));

    let read = |name: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(format!("{folder}/{name}")).unwrap()).unwrap()
    };
    let blob = |it: &Value| it["digest"].as_str().unwrap().replace("sha256:", "");
    let manifest = read("manifest.json");
    let config = &read(&blob(&manifest["config"]))["config"];
    assert_eq!((&config["User"], &config["Entrypoint"]), (&json!("65532:65532"), &json!(["/"])));
    assert_eq!(config["Labels"]["org.opencontainers.image.version"], VERSION);

    let (mut files, mut size) = (BTreeSet::new(), 0);
    for layer in manifest["layers"].as_array().unwrap() {
        size += layer["size"].as_u64().unwrap();
        let listing = run(&format!("tar -tvzf {folder}/{}", blob(layer)));
        for line in listing.lines().filter(|line| !line.ends_with('/')) {
            assert!(line.starts_with("-r--r--r--"), "{line}");
            files.insert(line.rsplit(' ').next().unwrap().to_owned());
        }
    }
    assert!(size < LAYERS, "{size} bytes");
    let manifest: toml::Table = include_str!("../spin.k8s.toml").parse().unwrap();
    let components = manifest["component"].as_table().unwrap().values();
    let mut expected = BTreeSet::from(["spin.toml".to_owned()]);
    expected.extend(components.map(|component| component["source"].as_str().unwrap().to_owned()));
    assert_eq!(files, expected);
}
