//! Links the lifeline with the component's stack (see `build.rs` at the root).

fn main() {
    println!("cargo::rustc-link-arg=-zstack-size=32768");
}
