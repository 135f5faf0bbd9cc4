//! The image: what is in it, and whether it survives a registry.

use crate::support::run;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const IMAGE: &str = "localhost/spin-on-k8s-test:latest";
/// The most bytes that all layers may have, compressed.
const LAYERS: u64 = 87 << 10;

/// An image in a folder, in the layout of the OCI.
pub struct Layout(String);

impl Layout {
    /// Copies an image here.
    pub fn of(image: &str, name: &str) -> Self {
        let layout = Self(format!("{}/{name}", env!("CARGO_TARGET_TMPDIR")));
        let _ = fs::remove_dir_all(&layout.0);
        run(&format!("skopeo copy --src-tls-verify=false {image} oci:{}:latest", layout.0));
        layout
    }

    /// The digest of its manifest.
    pub fn digest(&self) -> String {
        let index = fs::read_to_string(format!("{}/index.json", self.0)).unwrap();
        let index: Value = serde_json::from_str(&index).unwrap();
        index["manifests"][0]["digest"].as_str().unwrap().into()
    }

    fn blob(&self, digest: &str) -> String {
        format!("{}/blobs/{}", self.0, digest.replace(':', "/"))
    }

    fn json(&self, digest: &str) -> Value {
        serde_json::from_str(&fs::read_to_string(self.blob(digest)).unwrap()).unwrap()
    }
}

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
fn three_files_with_labels_survive_a_registry() {
    run(&format!("make image LOCAL=1 IMAGE={IMAGE} BUILDER=buildah"));
    let built = Layout::of(&format!("containers-storage:{IMAGE}"), "built");
    run(&format!("buildah rmi {IMAGE}"));

    let manifest = built.json(&built.digest());
    let config = &built.json(manifest["config"]["digest"].as_str().unwrap())["config"];
    assert_eq!(config["User"], "65532:65532");
    let label = |name: &str| config["Labels"][format!("org.opencontainers.image.{name}")].clone();
    assert_eq!(label("title"), "spin-on-k8s");
    assert_eq!(label("version"), VERSION);
    assert_eq!(label("licenses"), env!("CARGO_PKG_LICENSE"));

    let (mut files, mut size) = (BTreeSet::new(), 0);
    for layer in manifest["layers"].as_array().unwrap() {
        size += layer["size"].as_u64().unwrap();
        let listing = run(&format!("tar -tzf {}", built.blob(layer["digest"].as_str().unwrap())));
        files.extend(listing.lines().filter(|name| !name.ends_with('/')).map(String::from));
    }
    assert!(size < LAYERS, "{size} bytes");
    let manifest: toml::Table = include_str!("../spin.k8s.toml").parse().unwrap();
    let components = manifest["component"].as_table().unwrap().values();
    let mut expected = BTreeSet::from(["spin.toml".to_owned()]);
    expected.extend(components.map(|component| component["source"].as_str().unwrap().to_owned()));
    assert_eq!(expected.len(), 3);
    assert_eq!(files, expected);

    let registry = Registry::start("registry");
    let remote = format!("docker://{}/spin-on-k8s:{VERSION}", registry.address);
    run(&format!("skopeo copy --dest-tls-verify=false oci:{}:latest {remote}", built.0));
    let pulled = Layout::of(&remote, "pulled");
    assert_eq!(pulled.digest(), built.digest());
}
