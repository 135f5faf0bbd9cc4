//! A small kubelet. The containers are host processes; how they are treated is read from the
//! deployment's manifest.
//!
//! It follows the Kubernetes documentation: "Configure Liveness, Readiness and Startup Probes", and
//! "Pod Lifecycle" for termination and the restart back-off.

use crate::container::{self, Group};
use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, EnvVar, Probe};
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{interval, sleep, timeout};

/// The path that Spin answers itself, whether the app is poisoned or not.
const SPIN_HEALTH: &str = "/.well-known/spin/health";

/// The state of a pod, as the API server knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pod {
    pub address: Option<SocketAddr>,
    pub ready: bool,
    pub restarts: u32,
    /// How its last container ended.
    pub last_exit: Option<ExitStatus>,
    pub deleted: bool,
}

impl Pod {
    /// Whether a service may send requests to it.
    pub fn is_endpoint(&self) -> bool {
        self.ready && !self.deleted
    }
}

impl Display for Pod {
    /// Like `kubectl get pods`: whether it is ready, its restarts, and its last exit.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let ready = if self.is_endpoint() { "ready" } else { "not ready" };
        write!(f, "{ready:10} {:>8}  ", self.restarts)?;
        match self.last_exit {
            Some(status) => write!(f, "{status}"),
            None => write!(f, "-"),
        }
    }
}

/// All pods by name.
pub type Pods = BTreeMap<String, Pod>;

/// A node that runs the pods of one deployment.
pub struct Kubelet {
    /// The pods, which anyone may watch.
    pub pods: watch::Sender<Pods>,
    /// How many the manifest asks for.
    pub replicas: usize,
    host: PathBuf,
    container: Container,
    grace: Duration,
    group: Group,
    created: AtomicUsize,
}

fn seconds(seconds: Option<i32>, default: u64) -> Duration {
    Duration::from_secs(seconds.map_or(default, |seconds| seconds as u64))
}

impl Kubelet {
    /// Reads the manifest of a deployment. Its containers will run the command `host`.
    ///
    /// # Errors
    /// If it is not a deployment with one container.
    pub fn new(manifest: &str, host: impl Into<PathBuf>) -> Result<Arc<Self>> {
        let deployment: Deployment = serde_saphyr::from_str(manifest)?;
        let deployment = deployment.spec.context("a deployment without a spec")?;
        let pod = deployment.template.spec.context("a pod without a spec")?;
        let grace = Duration::from_secs(pod.termination_grace_period_seconds.unwrap_or(30) as u64);
        let [container] = pod.containers.try_into().ok().context("not one container")?;
        Ok(Arc::new(Self {
            pods: watch::Sender::default(),
            replicas: deployment.replicas.unwrap_or(1) as usize,
            host: host.into(),
            container,
            grace,
            group: Group::new()?,
            created: AtomicUsize::new(1),
        }))
    }

    /// Creates one more pod.
    pub fn create(self: &Arc<Self>) {
        let name = format!("spin-on-k8s-{}", self.created.fetch_add(1, Ordering::Relaxed));
        self.pods.send_modify(|pods| _ = pods.insert(name.clone(), Pod::default()));
        tokio::spawn(self.clone().run(name));
    }

    /// Deletes a pod: it is no longer an endpoint, and is removed once its container has stopped.
    pub fn delete(&self, name: &str) {
        self.update(name, |pod| pod.deleted = true);
    }

    fn update(&self, name: &str, change: impl FnOnce(&mut Pod)) {
        self.pods.send_modify(|pods| change(pods.entry(name.into()).or_default()));
    }

    /// Runs a pod until it is deleted. Restarts its container whenever that ends: the first time at
    /// once, then after 10 s, 20 s and so on.
    async fn run(self: Arc<Self>, name: String) {
        for restarts in 0.. {
            if restarts > 1 {
                sleep(Duration::from_secs((5 << (restarts - 1).min(6)).min(300))).await;
            }
            self.update(&name, |pod| pod.restarts = restarts);
            match container::Container::start(self.command(&name), &self.group).await {
                Ok(mut container) => {
                    self.update(&name, |pod| pod.address = Some(container.address));
                    let status = match self.watch_over(&name, &mut container).await {
                        Some(status) => Ok(status),
                        None => self.stop(&mut container).await,
                    };
                    self.update(&name, |pod| (pod.ready, pod.last_exit) = (false, status.ok()));
                }
                Err(error) => eprintln!("{name}: {error:#}"),
            }
            if self.pods.borrow()[&name].deleted {
                return self.pods.send_modify(|pods| _ = pods.remove(&name));
            }
        }
    }

    /// The container as a command, with the manifest's environment. The shim takes an app's variables
    /// by their names in capitals; the host expects Spin's prefix before them.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.host);
        command.env_clear();
        for EnvVar { name, value, .. } in self.container.env.iter().flatten() {
            let Some(value) = value else { continue };
            match name.as_str() {
                "SPIN_HTTP_LISTEN_ADDR" => {} // They all share one address here.
                "SPIN_MAX_INSTANCE_COUNT" => _ = command.env(name, value),
                variable => _ = command.env(format!("SPIN_VARIABLE_{variable}"), value),
            }
        }
        command.env("SPIN_VARIABLE_HOSTNAME", name);
        command
    }

    /// Probes a container until it ends or must be stopped. Returns how it ended, if it did.
    async fn watch_over(
        &self,
        name: &str,
        container: &mut container::Container,
    ) -> Option<ExitStatus> {
        let address = container.address;
        if let Some(startup) = &self.container.startup_probe {
            let mut pause = interval(seconds(startup.period_seconds, 10));
            let mut failures = 0;
            while !probe(startup, address).await {
                failures += 1;
                if failures >= startup.failure_threshold.unwrap_or(3) {
                    return None;
                }
                pause.tick().await;
            }
        }
        let Container { readiness_probe, liveness_probe, .. } = &self.container;
        self.update(name, |pod| pod.ready = readiness_probe.is_none());
        let every = |probe: &Option<Probe>| {
            interval(seconds(probe.as_ref().and_then(|probe| probe.period_seconds), 10))
        };
        let (mut readiness, mut liveness) = (every(readiness_probe), every(liveness_probe));
        let (mut unready, mut dead) = (0, 0);
        let mut pods = self.pods.subscribe();
        loop {
            tokio::select! {
                _ = readiness.tick() => if let Some(readiness) = readiness_probe {
                    unready = if probe(readiness, address).await { 0 } else { unready + 1 };
                    if unready == 0 {
                        self.update(name, |pod| pod.ready = true);
                    } else if unready == readiness.failure_threshold.unwrap_or(3) {
                        self.update(name, |pod| pod.ready = false);
                    }
                },
                _ = liveness.tick() => if let Some(liveness) = liveness_probe {
                    dead = if probe(liveness, address).await { 0 } else { dead + 1 };
                    if dead >= liveness.failure_threshold.unwrap_or(3) {
                        return None;
                    }
                },
                status = container.end() => return status.ok(),
                () = async { _ = pods.wait_for(|pods| pods[name].deleted).await } => return None,
            }
        }
    }

    /// The preStop hook and SIGTERM, within the grace period; then SIGKILL.
    async fn stop(&self, container: &mut container::Container) -> Result<ExitStatus> {
        let hook = self.container.lifecycle.as_ref().and_then(|hooks| hooks.pre_stop.as_ref());
        let pause = hook.and_then(|hook| hook.sleep.as_ref()).map_or(0, |sleep| sleep.seconds);
        let stopped = async {
            sleep(Duration::from_secs(pause as u64)).await;
            container.terminate();
            container.end().await
        };
        match timeout(self.grace, stopped).await {
            Ok(status) => status,
            Err(_) => container.kill().await,
        }
    }
}

/// Probes once: whether there is a status from 200 to 399 in time.
async fn probe(probe: &Probe, address: SocketAddr) -> bool {
    let path = probe.http_get.as_ref().and_then(|get| get.path.as_deref()).unwrap_or("/");
    let answer = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        if path == SPIN_HEALTH {
            return Some(true);
        }
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some((200..400).contains(&answer.get(9..12)?.parse::<u16>().ok()?))
    };
    timeout(seconds(probe.timeout_seconds, 1), answer).await.ok().flatten() == Some(true)
}
