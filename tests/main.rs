//! The built component, in a real engine, over real sockets.

mod browser;
mod component;
mod contract;
mod control_room;
mod deploy;
mod documents;
mod faults;
mod forecast;
mod hostile_clients;
mod hostile_guests;
mod image;
mod lifeline;
mod manifests;
mod openapi;
mod process;
mod release;
mod scripts;
mod spin;
mod support;
mod web;
