//! The image: what is in it, and how a cluster gets it from a registry.

use crate::deploy::{Cluster, HAS_CLASS};
use crate::support::{built, manifests, run};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The most bytes that all layers may have, compressed.
const LAYERS: u64 = 87 << 10;

/// A registry on loopback, for as long as the test lasts.
struct Registry {
    child: Child,
    address: String,
}

impl Registry {
    /// Its images are in a folder of that name.
    fn start(name: &str) -> Self {
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
fn what_was_built_here_runs_from_a_registry_and_is_three_files_that_all_may_read() {
    let source = built("cluster");
    // As a checkout with umask 077 is.
    run(&format!("chmod -R go= {source}"));
    let cluster = Cluster::of(source, HAS_CLASS);
    let registry = Registry::start("registry");
    let repository = format!("{}/team/api", registry.address);
    let trusted = format!("{}/registries.conf", cluster.bin);
    let registries = format!("[[registry]]\nlocation = '{}'\ninsecure = true\n", registry.address);
    fs::write(&trusted, registries).unwrap();
    cluster
        .make(&format!(
            "deploy -o components IMAGE={repository}:v1 LOCAL=1 BUILDER=buildah \
             CONTAINERS_REGISTRIES_CONF={trusted}"
        ))
        .unwrap();
    run(&format!("buildah rmi {repository}:v1"));

    let others = manifests().into_iter().filter(|path| path != "k8s/deployment.yaml");
    let digest = "skopeo inspect --tls-verify=false --format {{.Digest}} docker://";
    let digest = run(&[digest, &repository, ":v1"].concat());
    let image = format!("{repository}@{}", digest.trim());
    let mut told = cluster.kubectl_told();
    told[2..4].sort(); // they run at the same time
    assert_eq!(
        told,
        [
            "get runtimeclass wasmtime-spin-v2 --ignore-not-found -o name".into(),
            format!("apply -f {}", others.collect::<Vec<_>>().join(" -f ")),
            "apply -f -".into(),
            format!("set image --local -f k8s/deployment.yaml api={image} -o yaml"),
            "rollout status deployment/spin-on-k8s --timeout 3m".into(),
        ]
    );
    assert_eq!(cluster.image(), image);

    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/pulled");
    let pull = "skopeo copy --src-tls-verify=false docker://";
    run(&format!("rm -rf {folder} && {pull}{image} dir:{folder}"));
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
