//! The manifests agree with each other and with the component. What they are on their own, `make lint` checks.

use crate::support::ROOT;
use serde_json::Value;
use std::fs;

/// A manifest of this repository.
pub fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&fs::read_to_string(format!("{ROOT}/{path}")).unwrap()).unwrap()
}

/// The deployment's pods.
fn pod() -> Value {
    yaml("k8s/deployment.yaml")["spec"]["template"]["spec"].take()
}

/// Their only container.
fn container() -> Value {
    pod()["containers"][0].take()
}

fn probes() -> [Value; 3] {
    ["startupProbe", "readinessProbe", "livenessProbe"].map(|probe| container()[probe].take())
}

/// The value of the container's environment variable `name`.
fn env(name: &str) -> String {
    let container = container();
    let mut variables = container["env"].as_array().unwrap().iter();
    let variable = variables.find(|variable| variable["name"] == name).unwrap();
    variable["value"].as_str().unwrap().into()
}

#[test]
fn selectors_match_the_pods_of_every_version() {
    let deployment = yaml("k8s/deployment.yaml");
    let template = &deployment["spec"]["template"];
    for selector in [
        &deployment["spec"]["selector"]["matchLabels"],
        &template["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
        &yaml("k8s/poddisruptionbudget.yaml")["spec"]["selector"]["matchLabels"],
        &yaml("k8s/networkpolicy.yaml")["spec"]["podSelector"]["matchLabels"],
        &yaml("k8s/service.yaml")["spec"]["selector"],
    ] {
        assert_eq!(
            selector.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["app.kubernetes.io/name"]
        );
        for (label, value) in selector.as_object().unwrap() {
            assert_eq!(&template["metadata"]["labels"][label], value);
        }
    }
}

#[test]
fn names_match() {
    let class = yaml("spinkube/runtimeclass.yaml");
    assert_eq!(class["metadata"]["name"], pod()["runtimeClassName"]);
    let container = container();
    let port = &container["ports"][0];
    assert!(env("SPIN_HTTP_LISTEN_ADDR").ends_with(&format!(":{}", port["containerPort"])));
    for probe in probes() {
        assert_eq!(probe["httpGet"]["port"], port["name"]);
    }
    let service = yaml("k8s/service.yaml");
    assert_eq!(service["spec"]["ports"][0]["targetPort"], port["name"]);
    assert_eq!(
        yaml("k8s/networkpolicy.yaml")["spec"]["ingress"][0]["ports"][0]["port"],
        port["name"]
    );
    let ingress = yaml("k8s/ingress.yaml");
    let backend = &ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"];
    assert_eq!(backend["name"], service["metadata"]["name"]);
    assert_eq!(backend["port"]["name"], service["spec"]["ports"][0]["name"]);
}

/// It assigns a user and groups, and its default policy refuses others. The image names a user.
#[test]
fn openshift_may_choose_the_user() {
    let (pod, container) = (pod(), container());
    for security in [&pod["securityContext"], &container["securityContext"]] {
        for field in ["runAsUser", "runAsGroup", "fsGroup", "supplementalGroups"] {
            assert!(security.get(field).is_none(), "{field}");
        }
    }
}

#[test]
fn instances_suffice_for_the_waits_and_memory_for_the_instances() {
    let instances: f64 = env("SPIN_MAX_INSTANCE_COUNT").parse().unwrap();
    // Waits that began in the window before this one may still be in flight.
    assert!(2.0 * env("MAX_WAITS").parse::<f64>().unwrap() <= 0.8 * instances);
    // What a pod with 500 instances is charged for on shim 0.24.0, in megabytes: with a hundred waits, in the
    // worst burst, and the shim's program, which the pods of a node share.
    let (hundred_waits, burst, shared) = (25.0, 121.0, 35.0);
    assert_eq!(instances, 500.0);
    let resources = &container()["resources"];
    let megabytes = |kind: &str| {
        let memory = resources[kind]["memory"].as_str().unwrap().strip_suffix("Mi").unwrap();
        memory.parse::<f64>().unwrap() * 1.048576
    };
    assert!(megabytes("limits") >= 1.5 * (burst + shared));
    assert!(megabytes("requests") >= hundred_waits + shared);
}

#[test]
fn the_clusters_app_is_the_laptops_plus_the_lifeline() {
    let [laptop, mut cluster] = ["spin.toml", "spin.k8s.toml"].map(|path| {
        fs::read_to_string(format!("{ROOT}/{path}")).unwrap().parse::<toml::Table>().unwrap()
    });
    let trigger = cluster["trigger"].as_table_mut().unwrap().remove("command").unwrap();
    assert_eq!(trigger[0]["component"].as_str(), Some("lifeline"));
    let lifeline = cluster["component"].as_table_mut().unwrap().remove("lifeline").unwrap();
    assert_eq!(cluster, laptop);
    for right in ["key_value_stores", "allowed_outbound_hosts"] {
        assert_eq!(lifeline[right], laptop["component"]["api"][right]);
    }
}

#[test]
fn the_spinapp_is_the_deployment_as_far_as_it_can_be() {
    let app = yaml("spinkube/spinapp.yaml");
    let [_, readiness, liveness] = probes();
    for (check, probe) in [("readiness", readiness), ("liveness", liveness)] {
        let check = &app["spec"]["checks"][check];
        assert_eq!(check["httpGet"]["path"], probe["httpGet"]["path"]);
        for field in ["periodSeconds", "timeoutSeconds", "failureThreshold"] {
            assert_eq!(check[field], probe[field], "{field}");
        }
    }
    let [token, waits] = &app["spec"]["variables"].as_array().unwrap()[..] else { panic!() };
    let container = container();
    let mut variables = container["env"].as_array().unwrap().iter();
    let secret = variables.find(|variable| variable["name"] == "CHAOS_TOKEN").unwrap();
    assert_eq!(
        (token["name"].as_str(), &token["valueFrom"]),
        (Some("chaos_token"), &secret["valueFrom"])
    );
    // Spin's own cap is 1,000 instances.
    assert_eq!((waits["name"].as_str(), waits["value"].as_str()), (Some("max_waits"), Some("400")));
}
