//! The built component, in a real engine, over real sockets.

mod component;
mod contract;
mod faults;
mod healing;
mod hostile_clients;
mod hostile_guests;
mod image;
mod kubelet;
mod lifeline;
mod manifests;
mod policies;
mod process;
mod support;
