//! A small cluster of embedded hosts on one machine, for the tests and for `make demo`.
//!
//! It shows what `k8s/deployment.yaml` makes a kubelet and a service do. It is not an orchestrator.
//!
//! - [`container`] is a replica's process;
//! - [`kubelet`] starts, probes and restarts the containers of pods, as the manifest says;
//! - [`service`] sends requests to the pods that are ready.

pub mod container;
pub mod kubelet;
pub mod service;
