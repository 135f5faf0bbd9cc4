//! The manifests, typed: whether they agree with each other and with the component.

use crate::support::{Host, ROOT};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, PodSpec, Probe, Service};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::node::v1::RuntimeClass;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Seconds that `GET /wait` takes.
const WAIT: i64 = 5;

/// What `kubectl apply -f k8s` takes. There are no folders, into which other tools would descend.
pub fn manifests() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(format!("{ROOT}/k8s")).unwrap();
    entries.map(|entry| entry.unwrap().path())
}

fn read(path: &str) -> String {
    fs::read_to_string(format!("{ROOT}/{path}")).unwrap()
}

fn yaml<T: DeserializeOwned>(path: &str) -> T {
    serde_saphyr::from_str(&read(path)).unwrap()
}

fn pod() -> PodSpec {
    yaml::<Deployment>("k8s/deployment.yaml").spec.unwrap().template.spec.unwrap()
}

fn container() -> Container {
    let [container] = pod().containers.try_into().unwrap();
    container
}

fn probes() -> [Probe; 3] {
    let container = container();
    [container.startup_probe, container.readiness_probe, container.liveness_probe]
        .map(Option::unwrap)
}

/// The value of the container's environment variable `name`.
fn env(name: &str) -> String {
    let mut env = container().env.unwrap().into_iter();
    env.find(|variable| variable.name == name).unwrap().value.unwrap()
}

/// Megabytes of a quantity in Mi.
fn megabytes(
    resources: &BTreeMap<String, k8s_openapi::apimachinery::pkg::api::resource::Quantity>,
) -> f64 {
    let mebibytes = resources["memory"].0.strip_suffix("Mi").unwrap();
    mebibytes.parse::<f64>().unwrap() * 1.048576
}

/// Kinds of objects that belong to a namespace.
const NAMESPACED: [&str; 5] =
    ["Deployment", "Ingress", "NetworkPolicy", "PodDisruptionBudget", "Service"];

#[test]
fn the_folder_has_only_api_objects_of_a_namespace() {
    for path in manifests() {
        let text = fs::read_to_string(&path).unwrap();
        let object: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        assert!(object["apiVersion"].is_string());
        let kind = object["kind"].as_str().unwrap();
        assert!(NAMESPACED.contains(&kind), "{kind} is the cluster's, or unknown here");
        let labels = &object["metadata"]["labels"];
        assert_eq!(labels["app.kubernetes.io/version"], VERSION, "{path:?}");
        for label in ["name", "component", "part-of"] {
            assert!(labels[format!("app.kubernetes.io/{label}")].is_string(), "{path:?}");
        }
    }
}

#[test]
fn selectors_match_the_pods() {
    let deployment = yaml::<Deployment>("k8s/deployment.yaml").spec.unwrap();
    let labels = deployment.template.metadata.unwrap().labels.unwrap();
    let spread = deployment.template.spec.unwrap().topology_spread_constraints.unwrap();
    let budget = yaml::<PodDisruptionBudget>("k8s/poddisruptionbudget.yaml").spec.unwrap();
    let policy = yaml::<NetworkPolicy>("k8s/networkpolicy.yaml").spec.unwrap();
    let service = yaml::<Service>("k8s/service.yaml").spec.unwrap();
    for selector in [
        deployment.selector.match_labels,
        spread[0].label_selector.clone().unwrap().match_labels,
        budget.selector.unwrap().match_labels,
        policy.pod_selector.unwrap().match_labels,
        service.selector,
    ] {
        let selector = selector.unwrap();
        assert!(!selector.is_empty());
        for (label, value) in selector {
            assert_eq!(labels.get(&label), Some(&value));
            assert_ne!(label, "app.kubernetes.io/version", "a selector cannot change");
        }
    }
}

#[test]
fn ports_match_by_name() {
    let http = IntOrString::String("http".into());
    let [port] = container().ports.unwrap().try_into().unwrap();
    assert_eq!((port.name.as_deref(), port.container_port), (Some("http"), 8000));
    let listen: SocketAddr = env("SPIN_HTTP_LISTEN_ADDR").parse().unwrap();
    assert_eq!(listen, (Ipv6Addr::UNSPECIFIED, 8000).into());
    for probe in probes() {
        assert_eq!(probe.http_get.unwrap().port, http);
    }
    let [port] =
        yaml::<Service>("k8s/service.yaml").spec.unwrap().ports.unwrap().try_into().unwrap();
    assert_eq!(
        (port.name.as_deref(), port.port, port.target_port),
        (Some("http"), 8000, Some(http.clone()))
    );

    let policy = yaml::<NetworkPolicy>("k8s/networkpolicy.yaml").spec.unwrap();
    let [ingress] = policy.ingress.unwrap().try_into().unwrap();
    let [port] = ingress.ports.unwrap().try_into().unwrap();
    assert_eq!((port.port, ingress.from), (Some(http), None));
    assert_eq!(policy.egress, Some(vec![]), "nothing goes out");
    assert_eq!(policy.policy_types.unwrap(), ["Ingress", "Egress"]);
}

#[tokio::test]
async fn every_path_is_served_by_the_component() {
    let host = Host::new().await;
    for probe in probes() {
        let path = probe.http_get.unwrap().path.unwrap();
        assert_eq!(host.api.get(&path).await.status, 200, "{path}");
    }
    let service = yaml::<Service>("k8s/service.yaml").metadata.name;
    let [rule] =
        yaml::<Ingress>("k8s/ingress.yaml").spec.unwrap().rules.unwrap().try_into().unwrap();
    let [path] = rule.http.unwrap().paths.try_into().unwrap();
    let backend = path.backend.service.unwrap();
    assert_eq!((Some(backend.name), rule.host), (service, None));
    assert_eq!(backend.port.unwrap().name.as_deref(), Some("http"));
    assert_eq!((path.path.as_deref(), path.path_type.as_str()), (Some("/"), "Prefix"));
}

#[test]
fn a_rollout_loses_no_request() {
    let deployment = yaml::<Deployment>("k8s/deployment.yaml").spec.unwrap();
    let rolling = deployment.strategy.unwrap().rolling_update.unwrap();
    assert_eq!(rolling.max_unavailable, Some(IntOrString::Int(0)));
    let sleep = container().lifecycle.unwrap().pre_stop.unwrap().sleep.unwrap().seconds;
    assert!(sleep > WAIT);
    assert!(pod().termination_grace_period_seconds.unwrap() > sleep);
    let budget = yaml::<PodDisruptionBudget>("k8s/poddisruptionbudget.yaml").spec.unwrap();
    assert_eq!(budget.max_unavailable, Some(IntOrString::Int(1)));
    assert_eq!(deployment.replicas, Some(3));
}

#[test]
fn probes_outlast_a_busy_spell() {
    let [startup, readiness, liveness] = probes();
    let patience = |probe: &Probe| {
        // From the first failure to the one that decides.
        (probe.failure_threshold.unwrap() - 1) * probe.period_seconds.unwrap()
    };
    assert_eq!((readiness.period_seconds, liveness.period_seconds), (Some(3), Some(3)));
    assert!(i64::from(patience(&liveness)) > WAIT);
    assert!(patience(&readiness) < patience(&liveness));
    assert_eq!((startup.period_seconds, startup.initial_delay_seconds), (Some(1), None));
}

#[test]
fn instances_suffice_for_the_waits_and_memory_for_the_instances() {
    let resources = container().resources.unwrap();
    let (requests, limits) = (resources.requests.unwrap(), resources.limits.unwrap());
    let cap: f64 = env("SPIN_MAX_INSTANCE_COUNT").parse().unwrap();
    assert_eq!((cap, 2.0 * env("MAX_WAITS").parse::<f64>().unwrap()), (500.0, 400.0));
    // What a pod with that many instances is charged for, in MB: with a hundred waits, in the worst burst,
    // and the shim's program, which the pods of a node share.
    let (hundred_waits, burst, shared) = (25.0, 121.0, 35.0);
    assert!(megabytes(&limits) >= 1.5 * (burst + shared));
    assert!(megabytes(&requests) >= hundred_waits + shared);
    assert!(requests.contains_key("cpu") && !limits.contains_key("cpu"));
}

#[test]
fn a_lost_nodes_replica_is_replaced_soon() {
    let tolerations = pod().tolerations.unwrap().into_iter().map(|it| {
        assert_eq!(
            (it.operator.as_deref(), it.effect.as_deref()),
            (Some("Exists"), Some("NoExecute"))
        );
        (it.key.unwrap(), it.toleration_seconds)
    });
    let expected =
        ["not-ready", "unreachable"].map(|taint| (format!("node.kubernetes.io/{taint}"), Some(10)));
    assert_eq!(tolerations.collect::<BTreeMap<_, _>>(), BTreeMap::from(expected));
}

/// The Pod Security Standard `restricted`, field by field, and more.
#[test]
fn the_pod_is_restricted() {
    let pod = pod();
    assert_eq!((pod.host_network, pod.host_pid, pod.host_ipc), (None, None, None));
    assert_eq!(pod.automount_service_account_token, Some(false));
    assert_eq!(pod.enable_service_links, Some(false));
    let security = pod.security_context.unwrap();
    assert_eq!(security.run_as_non_root, Some(true));
    // Those that OpenShift's default policy would refuse; the image names its user.
    assert_eq!((security.run_as_user, security.run_as_group), (None, None));
    assert_eq!(security.fs_group, None);
    assert_eq!(security.seccomp_profile.unwrap().type_, "RuntimeDefault");

    let container = container();
    let security = container.security_context.unwrap();
    assert_eq!(security.allow_privilege_escalation, Some(false));
    assert_eq!(security.privileged, None);
    assert_eq!(security.read_only_root_filesystem, Some(true));
    let capabilities = security.capabilities.unwrap();
    assert_eq!((capabilities.drop, capabilities.add), (Some(vec!["ALL".into()]), None));

    let [volume] = pod.volumes.unwrap().try_into().unwrap();
    let [mount] = container.volume_mounts.unwrap().try_into().unwrap();
    assert_eq!((volume.name, mount.mount_path.as_str()), (mount.name, "/.spin"));
    let memory = volume.empty_dir.unwrap();
    assert!(memory.medium.as_deref() == Some("Memory") && memory.size_limit.is_some());
}

#[test]
fn names_and_versions_agree() {
    let container = container();
    assert_eq!(container.image.unwrap(), format!("spin-on-k8s:{VERSION}"));
    assert_eq!(container.image_pull_policy.as_deref(), Some("IfNotPresent"));
    let class = yaml::<RuntimeClass>("spinkube/runtimeclass.yaml");
    assert_eq!((class.metadata.name, class.handler.as_str()), (pod().runtime_class_name, "spin"));
    // What the kubelet takes that name to mean.
    let image = format!("IMAGE = docker.io/library/spin-on-k8s:{VERSION}\n");
    assert!(read("Makefile").contains(&image));

    let token = container.env.unwrap().into_iter().find(|variable| variable.name == "CHAOS_TOKEN");
    let secret = token.unwrap().value_from.unwrap().secret_key_ref.unwrap();
    assert_eq!((secret.name.as_str(), secret.optional), ("spin-on-k8s", Some(true)));
}

#[test]
fn the_clusters_app_is_the_laptops_plus_the_lifeline() {
    let laptop: toml::Table = read("spin.toml").parse().unwrap();
    let mut cluster: toml::Table = read("spin.k8s.toml").parse().unwrap();
    let trigger = cluster["trigger"].as_table_mut().unwrap().remove("command").unwrap();
    assert_eq!(trigger[0]["component"].as_str(), Some("lifeline"));
    let components = cluster["component"].as_table_mut().unwrap();
    let lifeline = components.remove("lifeline").unwrap();
    assert_eq!(cluster, laptop);
    for right in ["key_value_stores", "allowed_outbound_hosts"] {
        assert_eq!(lifeline[right], laptop["component"]["api"][right]);
    }
}

/// The fields of a SpinApp that ours uses, from the CRD `spinapps.core.spinkube.dev`, v1alpha1.
#[allow(dead_code, reason = "some fields only have to exist")]
mod spinapp {
    use k8s_openapi::api::core::v1::EnvVarSource;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    pub struct SpinApp {
        pub api_version: String,
        pub kind: String,
        pub metadata: Metadata,
        pub spec: Spec,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct Metadata {
        pub name: String,
        pub labels: BTreeMap<String, String>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct Spec {
        pub image: String,
        pub executor: String,
        pub replicas: i32,
        pub checks: BTreeMap<Check, HealthProbe>,
        pub variables: Vec<Variable>,
        pub resources: BTreeMap<Resource, BTreeMap<String, String>>,
    }

    #[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
    #[serde(rename_all = "lowercase")]
    pub enum Check {
        Readiness,
        Liveness,
    }

    #[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
    #[serde(rename_all = "lowercase")]
    pub enum Resource {
        Requests,
        Limits,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    pub struct HealthProbe {
        pub http_get: HttpGet,
        pub initial_delay_seconds: i32,
        pub period_seconds: i32,
        pub timeout_seconds: i32,
        pub failure_threshold: i32,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct HttpGet {
        pub path: String,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    pub struct Variable {
        pub name: String,
        pub value: Option<String>,
        pub value_from: Option<EnvVarSource>,
    }
}

#[test]
fn the_spinapp_fits_its_schema_and_the_deployment() {
    const PATH: &str = "spinkube/spinapp.yaml";
    let app: spinapp::SpinApp = yaml(PATH);
    assert_eq!(
        (app.api_version.as_str(), app.kind.as_str()),
        ("core.spinkube.dev/v1alpha1", "SpinApp")
    );
    assert_eq!(app.metadata.labels["app.kubernetes.io/version"], VERSION);
    assert_eq!(Some(app.spec.image), container().image);
    let [_, readiness, liveness] = probes();
    for (check, probe) in
        [(spinapp::Check::Readiness, readiness), (spinapp::Check::Liveness, liveness)]
    {
        let health = &app.spec.checks[&check];
        assert_eq!(Some(&health.http_get.path), probe.http_get.unwrap().path.as_ref());
        assert_eq!(Some(health.period_seconds), probe.period_seconds);
        assert_eq!(Some(health.timeout_seconds), probe.timeout_seconds);
        assert_eq!(Some(health.failure_threshold), probe.failure_threshold);
    }
    let [token, max_waits] = app.spec.variables.try_into().ok().unwrap();
    assert_eq!((token.name.as_str(), max_waits.name.as_str()), ("chaos_token", "max_waits"));
    let secret = token.value_from.unwrap().secret_key_ref.unwrap();
    assert_eq!((secret.name.as_str(), secret.key.as_str()), ("spin-on-k8s", "chaos-token"));
    // Spin's own cap is 1,000 instances.
    assert_eq!(2 * max_waits.value.unwrap().parse::<u32>().unwrap(), 800);

    let typo = read(PATH).replace("replicas:", "replica:");
    assert!(serde_saphyr::from_str::<spinapp::SpinApp>(&typo).is_err());
}
