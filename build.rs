//! Sets how the component is linked, and prepares the documents that it carries. It compresses them,
//! and hashes the page's own style and script, the only ones that its Content-Security-Policy allows.

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use std::{env, fs, path::Path};

/// Bytes before and after the compressed data of a gzip file without a name (RFC 1952).
const HEAD: usize = 10;
const TAIL: usize = 8;

fn main() -> io::Result<()> {
    if env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|architecture| architecture == "wasm32") {
        // The default stack of 1 MiB would be most of every instance's memory. With this one, nearly
        // three times what the deepest call takes, an instance starts with a single page of 64 KiB.
        // It is set here because RUSTFLAGS would override .cargo/config.toml.
        println!("cargo::rustc-link-arg=-zstack-size=32768");
    }
    // Not relative to the working directory, since the fuzzers' package also uses this build script.
    let source = Path::new(file!()).with_file_name("src");
    let out = env::var("OUT_DIR").expect("Cargo sets it");
    for name in ["page.html", "openapi.json"] {
        let path = source.join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        let text = fs::read(path)?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&text)?;
        let gzip = gzip.finish()?;
        let deflated = HEAD..gzip.len() - TAIL;
        let etag: String =
            Sha256::digest(&text)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let length = text.len();
        let document = format!(
            "Document {{
                gzip: include_bytes!(\"{name}.gz\"),
                deflated: {deflated:?},
                length: {length},
                etag: \"W/\\\"{etag}\\\"\",
            }}"
        );
        fs::write(format!("{out}/{name}.gz"), gzip)?;
        fs::write(format!("{out}/{name}.rs"), document)?;
    }
    let page = fs::read_to_string(source.join("page.html"))?;
    for element in ["style", "script"] {
        let (start, end) = (format!("<{element}>"), format!("</{element}>"));
        let (_, rest) = page.split_once(&start).expect("one such element, without attributes");
        let (text, _) = rest.split_once(&end).expect("its end");
        let hash = BASE64_STANDARD.encode(Sha256::digest(text));
        println!("cargo::rustc-env=PAGE_{}=sha256-{hash}", element.to_uppercase());
    }
    Ok(())
}
