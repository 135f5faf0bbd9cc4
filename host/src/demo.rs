//! A small cluster of embedded hosts on one machine.
//!
//! It shows what a deployment's manifest makes a kubelet and a service do. It is not an orchestrator.
//! From the top down:
//!
//! - [`service`] sends requests to the pods that are ready;
//! - [`kubelet`] starts, probes and restarts the containers of pods, as the manifest says;
//! - [`prober`] counts a probe's results;
//! - [`manifest`] is what the kubelet heeds of it;
//! - [`container`] is a replica's process.

pub mod container;
pub mod kubelet;
pub mod manifest;
pub mod prober;
pub mod service;

use anyhow::{Context, Result};
use kubelet::{Kubelet, Pods};
use manifest::Manifest;
use service::Service;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// The manifest that the program carries.
const MANIFEST: &str = include_str!("../../k8s/deployment.yaml");

/// How long it takes, on a cluster, until a change of readiness reaches those who send requests.
const PROPAGATION: Duration = Duration::from_secs(1);

/// Runs replicas of this program as `file` says, or else the manifest that the program carries; serves
/// them on `listener`, and reports what happens to them, until Ctrl-C.
///
/// # Errors
/// If the manifest cannot be heeded, no process can be started, or standard output cannot be written.
pub async fn run(listener: TcpListener, replicas: Option<u16>, file: Option<&Path>) -> Result<()> {
    let mut ignored = String::new();
    let manifest = match file {
        None => Manifest::parse(MANIFEST)?,
        Some(file) => {
            let yaml = fs::read_to_string(file);
            let manifest = yaml.map_err(Into::into).and_then(|yaml| Manifest::parse(&yaml));
            let manifest = manifest.with_context(|| file.display().to_string())?;
            let names: Vec<_> = manifest.ignored.iter().map(String::as_str).collect();
            ignored = format!("Ignored in {}: {}.\n", file.display(), names.join(", "));
            manifest
        }
    };
    let replicas = replicas.unwrap_or(manifest.replicas);
    let kubelet = Kubelet::new(manifest, std::env::current_exe()?)?;
    let service = Service::new(kubelet.pods.subscribe(), PROPAGATION);
    let address = listener.local_addr()?;
    tokio::spawn(service.serve(listener, ""));
    tell(format_args!(
        "{replicas} replicas of spin-on-k8s run here, under a small kubelet.\n\
         Control room: http://{address}\n\
         Ctrl-C stops everything.\n\
         {ignored}\n\
         {:>8}  {:16} {:10} {:>8}  last exit",
        "seconds", "pod", "", "restarts"
    ))?;
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
                tell(format_args!("{:8.1}  {name:16} {pod}", start.elapsed().as_secs_f64()))?;
            }
        }
    }
}

/// Prints a line, where `println!` would panic on a closed pipe or a full disk.
fn tell(line: fmt::Arguments) -> Result<()> {
    writeln!(io::stdout(), "{line}").context("cannot write to standard output")
}
