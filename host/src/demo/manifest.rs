//! What the demo heeds of a deployment's manifest: what decides when a kubelet starts, probes and stops
//! the containers.

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// The most replicas that one machine is asked to run.
pub const MOST_REPLICAS: u16 = 100;

/// Fields that would change what happens, and that the demo does not have.
const REFUSED: [&str; 10] = [
    "exec",
    "grpc",
    "host",
    "httpGet", // of a hook; a probe's is heeded
    "httpHeaders",
    "initContainers",
    "postStart",
    "readinessGates",
    "stopSignal",
    "tcpSocket",
];

/// A deployment of one container.
pub struct Manifest {
    pub replicas: u16,
    /// How long a container may take to stop.
    pub grace: Duration,
    pub container: Container,
    /// The names of all other fields, the longest common ones abbreviated.
    pub ignored: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Deployment {
    spec: DeploymentSpec,
}

#[derive(Deserialize)]
struct DeploymentSpec {
    replicas: Option<u16>,
    template: Template,
}

#[derive(Deserialize)]
struct Template {
    spec: PodSpec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodSpec {
    termination_grace_period_seconds: Option<u32>,
    containers: Vec<Container>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    #[serde(default)]
    pub env: Vec<EnvVar>,
    #[serde(default)]
    ports: Vec<Port>,
    pub startup_probe: Option<Probe>,
    pub readiness_probe: Option<Probe>,
    pub liveness_probe: Option<Probe>,
    lifecycle: Option<Lifecycle>,
}

#[derive(Deserialize)]
pub struct EnvVar {
    pub name: String,
    pub value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Port {
    container_port: u16,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    pub http_get: HttpGet,
    #[serde(default)]
    pub initial_delay_seconds: Number<0>,
    #[serde(default)]
    pub period_seconds: Number<10>,
    #[serde(default)]
    pub timeout_seconds: Number<1>,
    #[serde(default)]
    pub success_threshold: Number<1>,
    #[serde(default)]
    pub failure_threshold: Number<3>,
    /// Takes the place of the pod's when this probe has failed.
    pub termination_grace_period_seconds: Option<u32>,
}

#[derive(Deserialize)]
pub struct HttpGet {
    pub path: Option<String>,
    port: Value,
    #[serde(rename = "scheme")]
    _scheme: Option<Scheme>,
}

#[derive(Deserialize)]
enum Scheme {
    #[serde(rename = "HTTP")]
    Http,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lifecycle {
    pre_stop: Option<PreStop>,
}

#[derive(Deserialize)]
struct PreStop {
    sleep: Sleep,
}

#[derive(Deserialize)]
struct Sleep {
    seconds: u32,
}

/// A number. Kubernetes takes 0 for nothing, and nothing for the default.
#[derive(Clone, Copy, Deserialize)]
#[serde(from = "Option<u32>")]
pub struct Number<const DEFAULT: u32>(pub u32);

impl<const DEFAULT: u32> From<Option<u32>> for Number<DEFAULT> {
    fn from(number: Option<u32>) -> Self {
        Self(number.filter(|number| *number > 0).unwrap_or(DEFAULT))
    }
}

impl<const DEFAULT: u32> Default for Number<DEFAULT> {
    fn default() -> Self {
        Self(DEFAULT)
    }
}

impl<const DEFAULT: u32> Number<DEFAULT> {
    /// So many seconds.
    pub fn seconds(self) -> Duration {
        Duration::from_secs(self.0.into())
    }
}

impl Manifest {
    /// Reads the manifest of a deployment.
    ///
    /// # Errors
    /// If it is not one, or asks for what the demo cannot do. The error names the field.
    pub fn parse(yaml: &str) -> Result<Self> {
        let options = serde_saphyr::options! { with_snippet: false };
        let mut document: Value =
            one("documents", serde_saphyr::from_multiple_with_options(yaml, options)?)?;
        for (field, only) in [("apiVersion", "apps/v1"), ("kind", "Deployment")] {
            let found = document.as_object_mut().and_then(|all| all.remove(field));
            let found = found.with_context(|| format!("{field} is missing"))?;
            ensure!(found == only, "{field}: {found} is not {only:?}");
        }
        let mut ignored = BTreeSet::new();
        let mut note = |path: serde_ignored::Path| _ = ignored.insert(short(&path.to_string()));
        let deployment: Result<Deployment, _> =
            serde_path_to_error::deserialize(serde_ignored::Deserializer::new(document, &mut note));
        let refused = |path: &&String| REFUSED.iter().any(|it| path.rsplit('.').next() == Some(it));
        if let Some(path) = ignored.iter().find(refused) {
            bail!("{path}: the demo cannot do this");
        }
        let DeploymentSpec { replicas, template } =
            deployment.map_err(|error| anyhow!(short(&error.to_string())))?.spec;
        let replicas = replicas.unwrap_or(1);
        ensure!(
            replicas <= MOST_REPLICAS,
            "spec.replicas: {replicas} is more than {MOST_REPLICAS}"
        );
        let grace = template.spec.termination_grace_period_seconds.unwrap_or(30);
        let container = one("containers", template.spec.containers)?;
        container.check()?;
        Ok(Self { replicas, grace: Duration::from_secs(grace.into()), container, ignored })
    }
}

/// The only one of `all`.
fn one<T>(what: &str, mut all: Vec<T>) -> Result<T> {
    ensure!(all.len() == 1, "{} {what}, not one", all.len());
    Ok(all.remove(0))
}

/// What begins with the path of a field, without what is the same for all fields of the pod and of its
/// container.
fn short(path: &str) -> String {
    let mut path = &*path.replace(".?", "");
    for common in ["spec.template.spec.", "containers.0.", "containers[0]."] {
        path = path.strip_prefix(common).unwrap_or(path);
    }
    path.to_owned()
}

impl Container {
    fn check(&self) -> Result<()> {
        for (name, probe) in [
            ("startupProbe", &self.startup_probe),
            ("readinessProbe", &self.readiness_probe),
            ("livenessProbe", &self.liveness_probe),
        ] {
            let Some(probe) = probe else { continue };
            let port = &probe.http_get.port;
            ensure!(
                self.ports.iter().any(|it| *port == it.container_port
                    || it.name.as_ref().is_some_and(|name| port == name)),
                "{name}.httpGet.port: {port} is not the container's port"
            );
            let successes = probe.success_threshold.0;
            ensure!(
                successes == 1 || name == "readinessProbe",
                "{name}.successThreshold: {successes} is not 1"
            );
        }
        Ok(())
    }

    /// How long the preStop hook sleeps.
    pub fn pre_stop(&self) -> Duration {
        let hook = self.lifecycle.as_ref().and_then(|lifecycle| lifecycle.pre_stop.as_ref());
        Duration::from_secs(hook.map_or(0, |hook| hook.sleep.seconds.into()))
    }
}
