//! What the component is, and what it costs. All of it is deterministic.

use crate::support::{COMPONENT, LIFELINE, ROOT, guest};
use http_body_util::BodyExt;
use hyper::Request;
use spin_on_k8s_host::{Guest, KeyValue, Memory, variables};
use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use wit_component::DecodedWasm;
use wit_parser::{IndexMap, Resolve, WorldItem, WorldKey};

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

/// All interfaces, without the versions, and all of their functions.
fn functions(resolve: &Resolve, items: &IndexMap<WorldKey, WorldItem>) -> BTreeSet<String> {
    let functions = items.iter().flat_map(|(key, item)| {
        let WorldItem::Interface { id, .. } = item else { panic!("{key:?} is not an interface") };
        let name = resolve.name_world_key(key);
        let name = name.split('@').next().unwrap().to_owned();
        let functions = resolve.interfaces[*id].functions.keys();
        let functions: Vec<_> = functions.map(|it| format!("{name}#{it}")).collect();
        iter::once(name).chain(functions)
    });
    functions.collect()
}

#[test]
fn imports_and_exports_are_the_worlds() {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(format!("{ROOT}/wit")).unwrap();
    let (mut imported, mut allowed) = (BTreeSet::new(), BTreeSet::new());
    for (wasm, name) in [(COMPONENT, "replica"), (LIFELINE, "lifeline")] {
        let DecodedWasm::Component(built, id) = wit_component::decode(wasm).unwrap() else {
            panic!("{name} is not a component")
        };
        let built_world = &built.worlds[id];
        let world = &resolve.worlds[resolve.select_world(&[package], Some(name)).unwrap()];
        assert_eq!(functions(&built, &built_world.exports), functions(&resolve, &world.exports));

        let imports = functions(&built, &built_world.imports);
        let may = functions(&resolve, &world.imports);
        let beyond: Vec<_> = imports.difference(&may).collect();
        assert!(!imports.is_empty() && beyond.is_empty(), "{name}: {beyond:?}");
        imported.extend(imports);
        allowed.extend(may);
    }
    allowed.retain(|it| !WHOLE.contains(&it.split('#').next().unwrap()));
    let unused: Vec<_> = allowed.difference(&imported).collect();
    assert!(unused.is_empty(), "the worlds list more than is imported: {unused:?}");
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
