//! A small kubelet. The containers are host processes; what is done with them is read from the
//! deployment's manifest.
//!
//! After the Kubernetes documentation: "Configure Liveness, Readiness and Startup Probes", and "Pod
//! Lifecycle" for termination and the restart back-off.

use crate::healing::{Pod, Pods};
use crate::support::{Process, get};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, EnvVar, Probe};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{interval, sleep, timeout};

/// What Spin answers itself, poisoned or not.
const SPIN_HEALTH: &str = "/.well-known/spin/health";

/// A node that runs the pods of one deployment.
pub struct Kubelet {
    container: Container,
    grace: Duration,
    pub pods: watch::Sender<Pods>,
}

fn seconds(seconds: Option<i32>, default: u64) -> Duration {
    Duration::from_secs(seconds.map_or(default, |seconds| seconds as u64))
}

impl Kubelet {
    /// Reads the manifest of a deployment.
    pub fn new(manifest: &str) -> Arc<Self> {
        let deployment: Deployment = serde_saphyr::from_str(manifest).unwrap();
        let pod = deployment.spec.unwrap().template.spec.unwrap();
        let grace = Duration::from_secs(pod.termination_grace_period_seconds.unwrap_or(30) as u64);
        let [container] = pod.containers.try_into().unwrap();
        Arc::new(Self { container, grace, pods: watch::Sender::default() })
    }

    fn update(&self, name: &str, change: impl FnOnce(&mut Pod)) {
        self.pods.send_modify(|pods| change(pods.entry(name.into()).or_default()));
    }

    /// Runs a pod until it is deleted: restarts its container whenever that ends, at first at once,
    /// then after 10 s, 20 s and so on.
    pub async fn run(self: Arc<Self>, name: String) {
        for restarts in 0.. {
            if restarts > 1 {
                sleep(Duration::from_secs((5 << (restarts - 1)).min(300))).await;
            }
            let mut container = Process::start(&mut self.command(&name));
            self.update(&name, |pod| {
                (pod.address, pod.restarts) = (Some(container.address), restarts);
            });
            if !self.watch_over(&name, &mut container).await {
                self.stop(&mut container).await;
            }
            self.update(&name, |pod| pod.ready = false);
            if self.pods.borrow()[&name].deleted {
                return self.pods.send_modify(|pods| _ = pods.remove(&name));
            }
        }
    }

    /// The container as a command, with the manifest's environment. The shim takes an app's variables
    /// by their names in capitals, the host with what Spin puts before that.
    fn command(&self, name: &str) -> Command {
        let mut command = Process::command();
        for EnvVar { name, value, .. } in self.container.env.iter().flatten() {
            let Some(value) = value else { continue };
            match name.as_str() {
                "SPIN_HTTP_LISTEN_ADDR" => {} // They all have one address here.
                "SPIN_MAX_INSTANCE_COUNT" => _ = command.env(name, value),
                variable => _ = command.env(format!("SPIN_VARIABLE_{variable}"), value),
            }
        }
        command.env("SPIN_VARIABLE_HOSTNAME", name);
        command
    }

    /// Probes a container. Returns whether it has ended; else it has to be.
    async fn watch_over(&self, name: &str, container: &mut Process) -> bool {
        if let Some(startup) = &self.container.startup_probe {
            let mut pause = interval(seconds(startup.period_seconds, 10));
            let mut failures = 0;
            while !probe(startup, container.address).await {
                failures += 1;
                if failures >= startup.failure_threshold.unwrap_or(3) {
                    return false;
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
        let mut look = interval(Duration::from_millis(20));
        loop {
            tokio::select! {
                _ = readiness.tick() => if let Some(readiness) = readiness_probe {
                    unready = if probe(readiness, container.address).await { 0 } else { unready + 1 };
                    if unready == 0 {
                        self.update(name, |pod| pod.ready = true);
                    } else if unready == readiness.failure_threshold.unwrap_or(3) {
                        self.update(name, |pod| pod.ready = false);
                    }
                },
                _ = liveness.tick() => if let Some(liveness) = liveness_probe {
                    dead = if probe(liveness, container.address).await { 0 } else { dead + 1 };
                    if dead >= liveness.failure_threshold.unwrap_or(3) {
                        return false;
                    }
                },
                _ = look.tick() => {
                    if container.child.try_wait().unwrap().is_some() {
                        return true;
                    }
                    if self.pods.borrow()[name].deleted {
                        return false;
                    }
                }
            }
        }
    }

    /// The preStop hook and SIGTERM, within the grace period; then SIGKILL.
    async fn stop(&self, container: &mut Process) {
        let hook = self.container.lifecycle.as_ref().and_then(|hooks| hooks.pre_stop.as_ref());
        let pause = hook.and_then(|hook| hook.sleep.as_ref()).map_or(0, |sleep| sleep.seconds);
        let stopped = async {
            sleep(Duration::from_secs(pause as u64)).await;
            container.signal(rustix::process::Signal::TERM);
            container.end().await
        };
        let _ = timeout(self.grace, stopped).await;
        let _ = container.child.kill();
    }
}

/// One probe: a status from 200 to 399 in time.
async fn probe(probe: &Probe, address: SocketAddr) -> bool {
    let path = probe.http_get.as_ref().unwrap().path.as_ref().unwrap();
    let answer = async {
        if path == SPIN_HEALTH {
            return Some(TcpStream::connect(address).await.is_ok());
        }
        let answer = get(address, path).await.ok()?;
        Some((200..400).contains(&answer.get(9..12)?.parse::<u16>().ok()?))
    };
    timeout(seconds(probe.timeout_seconds, 1), answer).await.ok().flatten() == Some(true)
}
