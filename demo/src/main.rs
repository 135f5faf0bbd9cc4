//! Runs the small cluster, and reports what happens to its replicas.

use anyhow::{Context, Result};
use clap::Parser;
use spin_on_k8s_demo::kubelet::{Kubelet, Pods};
use spin_on_k8s_demo::service::Service;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

const MANIFEST: &str = include_str!("../../k8s/deployment.yaml");

/// How long it takes, on a cluster, until a change of readiness reaches those who send requests.
const PROPAGATION: Duration = Duration::from_secs(1);

/// Runs replicas of spin-on-k8s on this machine, restarts them as Kubernetes would, and serves them at
/// one address.
///
/// Probes, thresholds, settings and preStop come from k8s/deployment.yaml. It shows what they make a
/// kubelet do; it is not an orchestrator.
#[derive(Parser)]
#[command(name = "spin-on-k8s-demo", version)]
struct Args {
    /// Address and port to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    listen: String,

    /// Number of replicas; by default, as many as in the manifest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    replicas: Option<u16>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("spin-on-k8s-demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(Args { listen, replicas }: Args) -> Result<()> {
    let host = std::env::current_exe()?.with_file_name("spin-on-k8s");
    anyhow::ensure!(host.exists(), "{} is missing: run make build", host.display());
    let listener = TcpListener::bind(&listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    let kubelet = Kubelet::new(MANIFEST, host)?;
    let service = Service::new(kubelet.pods.subscribe(), PROPAGATION);
    tokio::spawn(service.serve(listener, ""));
    let replicas = replicas.map_or(kubelet.replicas, usize::from);
    println!("{replicas} replicas of spin-on-k8s run here, under a small kubelet.");
    println!("Control room: http://{address}");
    println!("Ctrl-C stops everything.\n");
    println!("{:>8}  {:16} {:10} {:>8}  last exit", "seconds", "pod", "", "restarts");
    (0..replicas).for_each(|_| kubelet.create());

    let (start, mut pods, mut told) = (Instant::now(), kubelet.pods.subscribe(), Pods::new());
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(()),
            _ = pods.changed() => {}
        }
        for (name, pod) in pods.borrow_and_update().iter() {
            if told
                .insert(name.clone(), pod.clone())
                .is_none_or(|before| before.to_string() != pod.to_string())
            {
                println!("{:8.1}  {name:16} {pod}", start.elapsed().as_secs_f64());
            }
        }
    }
}
