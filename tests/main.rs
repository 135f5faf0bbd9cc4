//! The built component, in a real engine, over real sockets.

mod browser;
mod component;
mod contract;
mod control_room;
mod demo;
mod deploy;
mod documents;
mod faults;
mod healing;
mod hostile_clients;
mod hostile_guests;
mod image;
mod kubelet;
mod lifeline;
mod manifests;
mod openapi;
mod process;
mod release;
mod scripts;
mod service;
mod spin;
mod start_up;
mod support;
mod web;
