//! From source to a running deployment, with a real registry. There is no cluster: kubectl is a script that
//! keeps what it is told, and has the real one do what needs no cluster.

use crate::image::{Layout, Registry};
use crate::manifests::manifests;
use crate::support::{ROOT, run, shell};
use k8s_openapi::api::apps::v1::Deployment;
use std::collections::BTreeSet;
use std::fs;

const BUILDAH: &str = "LOCAL=1 BUILDER='buildah bud --isolation chroot'";

/// A cluster, as far as make sees one.
struct Cluster(String);

impl Cluster {
    /// In a folder of that name; `class` is what it says when asked for the RuntimeClass.
    fn new(name: &str, class: &str) -> Self {
        let folder = format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(format!("{folder}/bin")).unwrap();
        let script = format!(
            "#!/bin/sh
             echo \"$*\" >>{folder}/told
             case \"$*\" in
                 *'get runtimeclass'*) {class} ;;
                 *'set image --local'*) PATH={ROOT}/target/venv/bin:$PATH exec kubectl \"$@\" ;;
                 *'apply -f -') cat >{folder}/deployment.yaml ;;
             esac"
        );
        fs::write(format!("{folder}/kubectl"), script).unwrap();
        run(&format!("chmod +x {folder}/kubectl"));
        Self(folder)
    }

    /// Runs make; returns what it says on standard error, if it fails.
    fn make(&self, arguments: &str) -> Result<(), String> {
        let kubectl = format!("KUBECTL='{}/kubectl -n team'", self.0);
        let output = shell(&format!("PATH={}/bin:$PATH make {arguments} {kubectl}", self.0));
        let said = String::from_utf8(output.stderr).unwrap();
        output.status.success().then_some(()).ok_or(said)
    }

    /// What kubectl was told.
    fn told(&self) -> Vec<String> {
        let told = fs::read_to_string(format!("{}/told", self.0)).unwrap_or_default();
        told.lines().map(|line| line.strip_prefix("-n team ").unwrap().into()).collect()
    }

    fn deployment(&self) -> Deployment {
        let text = fs::read_to_string(format!("{}/deployment.yaml", self.0)).unwrap();
        serde_saphyr::from_str(&text).unwrap()
    }
}

/// The image of the only container.
fn image(deployment: &mut Deployment) -> &mut Option<String> {
    let pod = deployment.spec.as_mut().unwrap().template.spec.as_mut().unwrap();
    &mut pod.containers[0].image
}

#[test]
fn what_was_built_here_runs_from_a_registry() {
    let cluster = Cluster::new("cluster", "echo runtimeclass.node.k8s.io/wasmtime-spin-v2");
    let registry = Registry::start("registry-for-cluster");
    let repository = format!("{}/team/api", registry.address);
    let trusted = format!("{}/registries.conf", cluster.0);
    fs::write(
        &trusted,
        format!("[[registry]]\nlocation = '{}'\ninsecure = true\n", registry.address),
    )
    .unwrap();
    let trust = format!("CONTAINERS_REGISTRIES_CONF={trusted}");
    cluster.make(&format!("deploy IMAGE={repository}:v1 {BUILDAH} {trust}")).unwrap();
    run(&format!("buildah rmi {repository}:v1"));

    let mut files = manifests().collect::<Vec<_>>();
    files.sort();
    let others = files.iter().map(|path| format!("k8s/{}", path.file_name().unwrap().display()));
    let others = others.filter(|path| !path.ends_with("/deployment.yaml"));
    let digest = Layout::of(&format!("docker://{repository}:v1"), "deployed").digest();
    let expected = [
        "get runtimeclass wasmtime-spin-v2 --ignore-not-found -o name".into(),
        format!("apply -f {}", others.collect::<Vec<_>>().join(" -f ")),
        format!("set image --local -f k8s/deployment.yaml api={repository}@{digest} -o yaml"),
        "apply -f -".into(),
        "rollout status deployment/spin-on-k8s --timeout 3m".into(),
    ];
    let told = cluster.told();
    assert_eq!(told.last(), expected.last());
    // Two of them run at the same time.
    assert_eq!(BTreeSet::from_iter(told), BTreeSet::from(expected));

    let mut deployed = cluster.deployment();
    assert_eq!(image(&mut deployed).take(), Some(format!("{repository}@{digest}")));
    let ours = fs::read_to_string(format!("{ROOT}/k8s/deployment.yaml")).unwrap();
    let mut ours: Deployment = serde_saphyr::from_str(&ours).unwrap();
    image(&mut ours).take();
    assert_eq!((deployed.metadata.name, deployed.spec), (ours.metadata.name, ours.spec));
}

#[test]
fn docker_tells_the_digest_in_the_repository_that_was_pushed_to() {
    let cluster = Cluster::new("cluster-with-docker", "echo a-class");
    let docker = format!("{}/bin/docker", cluster.0);
    let digests = "echo elsewhere/api@sha256:1; echo localhost:5000/team/api@sha256:2";
    let script = format!(
        "#!/bin/sh\ncase $1 in version | buildx) echo 28.2.2 ;; image) {digests} ;; esac\n"
    );
    fs::write(&docker, script).unwrap();
    run(&format!("chmod +x {docker}"));
    cluster.make("deploy IMAGE=localhost:5000/team/api:v1").unwrap();
    let deployed = image(&mut cluster.deployment()).take();
    assert_eq!(deployed.as_deref(), Some("localhost:5000/team/api@sha256:2"));
}

#[test]
fn a_cluster_without_the_runtime_class_is_told_the_two_ways_to_it() {
    let cluster = Cluster::new("cluster-without-class", "true");
    let said = cluster.make("deploy IMAGE=localhost:5000/team/api:v1").unwrap_err();
    for way in ["runtime-class-manager", "kubectl apply -f spinkube/runtimeclass.yaml"] {
        assert!(said.contains(way), "{said}");
    }
    assert_eq!(cluster.told().len(), 1, "nothing is built for it, and nothing applied");
}

#[test]
fn whoever_may_not_read_runtime_classes_is_not_held_up() {
    let cluster = Cluster::new("cluster-forbidden", "echo Forbidden >&2; exit 1");
    let pushes = "BUILDER='true' PUSHER='echo sha256:3 >target/digest'";
    cluster.make(&format!("deploy IMAGE=localhost:5000/team/api:v1 {pushes}")).unwrap();
    assert_eq!(cluster.told().len(), 5);
}

#[test]
fn an_image_that_no_node_can_pull_is_refused() {
    let cluster = Cluster::new("cluster-without-image", "echo a-class");
    let said = cluster.make("deploy").unwrap_err();
    assert!(said.contains("make deploy needs IMAGE=registry/name:tag"), "{said}");
    assert!(cluster.told().is_empty());
}

#[test]
fn it_is_removed_as_a_whole() {
    let cluster = Cluster::new("cluster-to-leave", "true");
    cluster.make("undeploy").unwrap();
    assert_eq!(cluster.told(), ["delete --ignore-not-found -f k8s"]);
}
