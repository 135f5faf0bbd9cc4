//! From source to a running deployment. There is no cluster: kubectl is a script that keeps what it is told, and
//! has the real one do what needs no cluster. Nor is there a docker with an engine.

use crate::support::{ROOT, copy, run, shell};
use serde_json::Value;
use std::fs;

/// A cluster, as far as make sees one, in a fresh copy of the source.
pub struct Cluster {
    source: String,
    /// Its tools.
    pub bin: String,
}

impl Cluster {
    /// In a folder of that name, with nothing built. `replies` are cases of a shell's: what kubectl says, and
    /// how it ends.
    fn new(name: &str, replies: &str) -> Self {
        Self::of(copy(name), replies)
    }

    pub fn of(source: String, replies: &str) -> Self {
        let cluster = Self { bin: format!("{source}/.bin"), source };
        fs::create_dir(&cluster.bin).unwrap();
        let Self { bin, .. } = &cluster;
        cluster.tool(
            "kubectl",
            &format!(
                "echo \"$*\" >>{bin}/told
                 case \"$*\" in
                     *'set image --local'*) exec {ROOT}/target/venv/bin/kubectl \"$@\" ;;
                     *'apply -f -') cat >{bin}/deployment.yaml ;;
                     {replies}
                 esac"
            ),
        );
        cluster
    }

    /// Gives it a tool that is a shell script.
    fn tool(&self, name: &str, script: &str) {
        let path = format!("{}/{name}", self.bin);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        run(&format!("chmod +x {path}"));
    }

    /// Gives it a docker that builds, pushes, and tells these digests.
    fn docker(&self, digests: &str) {
        let docker = format!(
            "echo \"$BUILDX_NO_DEFAULT_ATTESTATIONS $*\" >>{}/docker-told
             case $1 in version) echo 28.2.2 ;; image) echo {digests} ;; esac",
            self.bin
        );
        self.tool("docker", &docker);
    }

    /// Runs make; returns what it says on standard error, if it fails.
    pub fn make(&self, arguments: &str) -> Result<(), String> {
        let Self { source, bin } = self;
        let kubectl = "KUBECTL='kubectl -n team'";
        let output = shell(&format!("PATH={bin}:$PATH make -C {source} {arguments} {kubectl}"));
        let said = String::from_utf8(output.stderr).unwrap();
        output.status.success().then_some(()).ok_or(said)
    }

    /// What a tool was told, line by line.
    fn told(&self, file: &str) -> Vec<String> {
        let told = fs::read_to_string(format!("{}/{file}", self.bin)).unwrap_or_default();
        told.lines().map(String::from).collect()
    }

    pub fn kubectl_told(&self) -> Vec<String> {
        let told = self.told("told").into_iter();
        told.map(|line| line.strip_prefix("-n team ").unwrap().into()).collect()
    }

    /// The image that was deployed last.
    pub fn image(&self) -> String {
        let text = fs::read_to_string(format!("{}/deployment.yaml", self.bin)).unwrap();
        let deployment: Value = serde_saphyr::from_str(&text).unwrap();
        deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().into()
    }
}

pub const HAS_CLASS: &str =
    "*'get runtimeclass'*) echo runtimeclass.node.k8s.io/wasmtime-spin-v2 ;;";

#[test]
fn every_spelling_of_a_name_is_the_kubelets() {
    let cluster = Cluster::new("cluster-with-docker", HAS_CLASS);
    for (image, dockers, deployed) in [
        ("me/api", "me/api", "docker.io/me/api"),
        ("docker.io/me/api:v1", "me/api", "docker.io/me/api"),
        ("index.docker.io/me/api:v1", "me/api", "docker.io/me/api"),
        ("localhost:5000/team/api", "localhost:5000/team/api", "localhost:5000/team/api"),
        ("ghcr.io/MyOrg/Api:V1", "ghcr.io/myorg/api", "ghcr.io/myorg/api"),
    ] {
        cluster.docker(&format!("elsewhere/api@sha256:1 {dockers}@sha256:2"));
        cluster.make(&format!("deploy IMAGE={image}")).unwrap();
        assert_eq!(cluster.image(), format!("{deployed}@sha256:2"), "{image}");
    }
    let build = "1 buildx build --load --tag docker.io/me/api:latest .";
    assert_eq!(cluster.told("docker-told")[2], build);
}

#[test]
fn podman_tells_the_digest_in_a_file() {
    let cluster = Cluster::new("cluster-with-podman", HAS_CLASS);
    cluster.tool("podman", "[ $1 = build ] || echo sha256:3 >$3");
    cluster.make("deploy IMAGE=ghcr.io/me/api BUILDER=podman").unwrap();
    assert_eq!(cluster.image(), "ghcr.io/me/api@sha256:3");
}

#[test]
fn an_image_that_no_node_can_pull_is_refused_in_a_line() {
    let cluster = Cluster::new("cluster-without-image", HAS_CLASS);
    cluster.docker("elsewhere/api@sha256:1");
    for (image, reason) in [
        ("", "make: this needs IMAGE=registry/name:tag, which the nodes can pull"),
        ("IMAGE=api:v1", "make: this needs IMAGE=registry/name:tag, which the nodes can pull"),
        (
            "IMAGE=https://ghcr.io/me/api",
            "make: IMAGE=https://ghcr.io/me/api is not registry/name:tag",
        ),
        ("IMAGE=ghcr.io/me/", "make: IMAGE=ghcr.io/me/ is not registry/name:tag"),
        ("IMAGE=ghcr.io/me/api@sha256:1", "make: IMAGE=ghcr.io/me/api@sha256:1 names a digest"),
        ("IMAGE=ghcr.io/me/api:v1", "make: docker does not tell the digest of ghcr.io/me/api:v1"),
    ] {
        let said = cluster.make(&format!("deploy {image}")).unwrap_err();
        assert!(said.starts_with(reason), "{said}");
        assert_eq!(said.lines().count(), 2, "{said}"); // the last one is make's own
    }
    assert_eq!(cluster.kubectl_told().len(), 6, "it was asked for the class alone");
    cluster.tool("docker", "[ $1 = version ] && echo 28.2.2");
    let said = cluster.make("image").unwrap_err();
    assert!(said.starts_with("make: docker needs BuildKit for this"), "{said}");
}

#[test]
fn a_cluster_without_the_runtime_class_is_told_the_two_ways_to_it() {
    let cluster = Cluster::new("cluster-without-class", "");
    let said = cluster.make("deploy IMAGE=localhost:5000/team/api:v1").unwrap_err();
    for way in ["runtime-class-manager", "kubectl apply -f spinkube/runtimeclass.yaml"] {
        assert!(said.contains(way), "{said}");
    }
    assert_eq!(cluster.kubectl_told().len(), 1, "nothing is built for it, and nothing applied");
}

#[test]
fn whoever_may_not_read_runtime_classes_is_not_held_up() {
    let cluster = Cluster::new("cluster-forbidden", "*'get runtimeclass'*) exit 1 ;;");
    cluster.docker("localhost:5000/team/api@sha256:4");
    cluster.make("deploy IMAGE=localhost:5000/team/api:v1").unwrap();
    assert_eq!(cluster.image(), "localhost:5000/team/api@sha256:4");
}

#[test]
fn pods_and_events_say_why_a_rollout_fails() {
    let replies = "*'rollout status'*) echo 'error: timed out waiting' >&2; exit 1 ;;
                   *'get pods'*) echo spin-on-k8s-1 0/1 ImagePullBackOff ;;
                   *'get events'*) echo spin-on-k8s-1 Failed 'denied by registry' ;;";
    let cluster = Cluster::new("cluster-that-fails", &[HAS_CLASS, replies].join("\n"));
    cluster.docker("ghcr.io/me/api@sha256:5");
    let said = cluster.make("deploy IMAGE=ghcr.io/me/api").unwrap_err();
    for part in ["ImagePullBackOff", "denied by registry", "docs/operations.md"] {
        assert!(said.contains(part), "{said}");
    }
}
