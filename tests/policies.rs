//! The manifests against the API's schemas, and against checkov's policies.

use crate::manifests::manifests;
use crate::support::ROOT;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The policies that we decline, and why.
const DECLINED: [(&str, &str); 7] = [
    ("CKV_K8S_11", "a CPU limit throttles bursts, and the probes with them: see deployment.yaml"),
    ("CKV_K8S_15", "IfNotPresent allows an image that was loaded into the node"),
    ("CKV_K8S_21", "the namespace is the user's choice: kubectl --namespace"),
    ("CKV_K8S_35", "Spin takes variables from the environment, not from files"),
    ("CKV_K8S_40", "the image names its user, and OpenShift refuses a pod that names one"),
    ("CKV_K8S_43", "the digest is unknown until the user has built the image"),
    ("CKV_DOCKER_2", "the kubelet probes; the image has no program that a HEALTHCHECK could run"),
];

fn tool(name: &str, args: &[&str]) -> Output {
    let tool = format!("{ROOT}/target/venv/bin/{name}");
    Command::new(&tool).current_dir(ROOT).args(args).output().expect(&tool)
}

/// Whether the manifest at `path` is valid in a Kubernetes version, and has no unknown fields.
fn is_valid(path: &Path, version: &str) -> bool {
    let path = path.to_str().unwrap();
    tool("kubernetes-validate", &["--strict", "-k", version, path]).status.success()
}

#[test]
fn every_manifest_fits_the_schema_of_the_oldest_and_the_newest_kubernetes() {
    assert_ne!(manifests().count(), 0);
    let nodes = PathBuf::from(format!("{ROOT}/spinkube/runtimeclass.yaml"));
    for path in manifests().chain([nodes]) {
        for version in ["1.30", "1.37"] {
            assert!(is_valid(&path, version), "{path:?} in {version}");
        }
    }
}

#[test]
fn a_typo_does_not_fit() {
    let text = fs::read_to_string(format!("{ROOT}/k8s/deployment.yaml")).unwrap();
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("deployment.yaml");
    fs::write(&copy, &text).unwrap();
    assert!(is_valid(&copy, "1.37"));
    fs::write(&copy, text.replace("readinessProbe", "readynessProbe")).unwrap();
    assert!(!is_valid(&copy, "1.37"));
}

#[test]
fn only_the_declined_policies_fail() {
    let mut args = "--skip-download --quiet --output json --framework kubernetes dockerfile --file"
        .split(' ')
        .map(String::from)
        .collect::<Vec<_>>();
    args.push("Dockerfile".into());
    args.extend(manifests().map(|path| path.to_str().unwrap().into()));
    let output = tool("checkov", &args.iter().map(String::as_str).collect::<Vec<_>>());
    let reports: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut failed = BTreeSet::new();
    for report in reports.as_array().unwrap() {
        assert!(report["summary"]["passed"].as_u64().unwrap() > 0);
        assert_eq!(report["summary"]["parsing_errors"], 0);
        let checks = report["results"]["failed_checks"].as_array().unwrap();
        failed.extend(checks.iter().map(|check| check["check_id"].as_str().unwrap()));
    }
    assert_eq!(failed, DECLINED.map(|(policy, _)| policy).into());
}
