//! What the component is, and what it costs. All of it is deterministic.

use crate::lifeline::LIFELINE;
use crate::support::{ROOT, guest};
use http_body_util::BodyExt;
use hyper::Request;
use spin_on_k8s_host::guest::{Guest, Memory};
use spin_on_k8s_host::imports::variables;
use spin_on_k8s_host::key_value::KeyValue;
use std::collections::{BTreeMap, BTreeSet};
use wit_component::DecodedWasm;
use wit_parser::{IndexMap, Resolve, WorldItem, WorldKey};

/// The component, built.
pub const COMPONENT: &[u8] = include_bytes!("../target/wasm32-wasip2/release/spin_on_k8s.wasm");

/// The most bytes that the component may have.
const SIZE: usize = 139_745;
/// The most bytes that the lifeline may have.
const LIFELINE_SIZE: usize = 60_113;
/// Pages of 64 KiB that an instance's memory starts with.
const PAGES: u64 = 1;
/// How often a request calls the host, including resource drops. On Spin, that is what a guest can save.
const CALLS: [(&str, u64); 2] = [("/parity?int=7", 12), ("/health", 16)];
/// The most Wasmtime fuel, about one unit per instruction, that either may cost: twice what it does, as a
/// guard against accidents only. Spin's own work for a request is far more.
const FUEL: u64 = 10_000;

/// What the world lists in full, used or not: see `wit/world.wit`.
const WHOLE: [&str; 3] = ["wasi:clocks/wall-clock", "wasi:keyvalue/atomics", "wasi:keyvalue/store"];

#[test]
fn size() {
    assert!(COMPONENT.len() <= SIZE, "{} bytes", COMPONENT.len());
    assert!(LIFELINE.len() <= LIFELINE_SIZE, "{} bytes", LIFELINE.len());
}

#[tokio::test]
async fn fuel_and_host_calls() {
    let mut config = Guest::config(Memory::Warm { places: 1 });
    // The guest's data costs nothing when it is mapped into memory, as on Spin.
    config.consume_fuel(true).memory_init_cow(true);
    let stores = KeyValue::new(["default"]);
    let guest = guest(&config, COMPONENT, stores).unwrap();
    for (target, calls) in CALLS {
        let mut store = guest.store();
        store.set_fuel(u64::MAX).unwrap();
        let (request, ()) = Request::builder().uri(target).body(()).unwrap().into_parts();
        guest.handle(&mut store, request).await.unwrap();
        let fuel = u64::MAX - store.get_fuel().unwrap();
        let response = store.data_mut().take_outcome().unwrap().unwrap();
        assert_eq!(response.status(), 200);
        assert!(!response.into_body().collect().await.unwrap().to_bytes().is_empty());
        println!("{target}: {fuel} fuel, {} host calls", store.data().calls);
        assert_eq!(store.data().calls, calls, "{target}");
        assert!(fuel <= FUEL, "{target} costs {fuel}");
    }
}

/// The pages of 64 KiB that a component's memories start with.
fn initial_memory(wasm: &[u8]) -> Vec<u64> {
    let payloads = wasmparser::Parser::new(0).parse_all(wasm).map(Result::unwrap);
    let sections = payloads.filter_map(|payload| match payload {
        wasmparser::Payload::MemorySection(section) => Some(section),
        _ => None,
    });
    sections.flatten().map(|memory| memory.unwrap().initial).collect()
}

#[test]
fn one_page_is_enough() {
    assert_eq!(initial_memory(COMPONENT), [PAGES]);
    assert_eq!(initial_memory(LIFELINE), [PAGES]);
}

/// Interfaces by name, without the version, with the names of their functions.
type Interfaces = BTreeMap<String, BTreeSet<String>>;

fn interfaces(resolve: &Resolve, items: &IndexMap<WorldKey, WorldItem>) -> Interfaces {
    let mut interfaces = Interfaces::new();
    for (key, item) in items {
        let WorldItem::Interface { id, .. } = item else { panic!("{key:?} is not an interface") };
        let name = resolve.name_world_key(key);
        let name = name.split('@').next().unwrap();
        let functions = resolve.interfaces[*id].functions.keys().cloned();
        interfaces.entry(name.into()).or_default().extend(functions);
    }
    interfaces
}

fn union(mut all: Interfaces, more: Interfaces) -> Interfaces {
    for (interface, functions) in more {
        all.entry(interface).or_default().extend(functions);
    }
    all
}

#[test]
fn imports_and_exports_are_the_worlds() {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(format!("{ROOT}/wit")).unwrap();
    let (mut imported, mut allowed) = (Interfaces::new(), Interfaces::new());
    for (wasm, name) in [(COMPONENT, "replica"), (LIFELINE, "lifeline")] {
        let DecodedWasm::Component(built, id) = wit_component::decode(wasm).unwrap() else {
            panic!("{name} is not a component")
        };
        let built_world = &built.worlds[id];
        let world = &resolve.worlds[resolve.select_world(&[package], Some(name)).unwrap()];
        assert_eq!(interfaces(&built, &built_world.exports), interfaces(&resolve, &world.exports));

        let imports = interfaces(&built, &built_world.imports);
        let may = interfaces(&resolve, &world.imports);
        assert_eq!(union(may.clone(), imports.clone()), may, "{name} imports more than it may");
        imported = union(imported, imports);
        allowed = union(allowed, may);
    }
    for interfaces in [&mut imported, &mut allowed] {
        interfaces.retain(|name, _| !WHOLE.contains(&name.as_str()));
    }
    assert_eq!(imported, allowed, "the worlds list more than is imported");
}

#[test]
fn spin_gives_the_component_its_store_and_the_hosts_variables() {
    // What is wrong here fails on Spin alone.
    let manifest = include_str!("../spin.toml").parse::<toml::Table>().unwrap();
    let api = &manifest["component"]["api"];
    assert_eq!(api["key_value_stores"], toml::Value::from(vec!["default"]));
    let variables = api["variables"].as_table().unwrap().iter().map(|(name, value)| {
        assert_eq!(value.as_str(), Some(format!("{{{{ {name} }}}}").as_str()));
        (name.as_str(), manifest["variables"][name]["default"].as_str().unwrap())
    });
    assert_eq!(variables.collect::<BTreeMap<_, _>>(), BTreeMap::from(variables::DEFAULTS));
}
