//! Sets how the component is linked, and prepares the documents that it carries.

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Bytes before and after the compressed data of a gzip file without a name (RFC 1952).
const HEAD: usize = 10;
const TAIL: usize = 8;

fn main() -> io::Result<()> {
    if env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|architecture| architecture == "wasm32") {
        // The default stack of 1 MiB would be most of every instance's memory. With this one, an instance
        // starts with a single page of 64 KiB. It is set here because RUSTFLAGS would override
        // .cargo/config.toml.
        println!("cargo::rustc-link-arg=-zstack-size=32768");
    }
    let out = PathBuf::from(env::var("OUT_DIR").expect("Cargo sets it"));
    let page = read("src/page.html")?;
    pack(&page, "page.html", &out)?;
    // The page's own script and style are the only ones that its Content-Security-Policy allows.
    for element in ["script", "style"] {
        let (start, end) = (format!("<{element}>"), format!("</{element}>"));
        let (_, rest) = page.split_once(&start).expect("one such element, without attributes");
        let (text, _) = rest.split_once(&end).expect("its end");
        let hash = BASE64_STANDARD.encode(Sha256::digest(text));
        println!("cargo::rustc-env=PAGE_{}=sha256-{hash}", element.to_uppercase());
    }
    let openapi = read("src/openapi.json")?;
    pack(&openapi, "openapi.json", &out)?;
    fs::write(out.join("list.txt"), list(&serde_json::from_str(&openapi)?))
}

/// Reads a text file of this package, with the same line ends on every machine: a browser that checks a
/// script's hash also takes CRLF, as in checkouts of Git for Windows, for LF.
fn read(path: &str) -> io::Result<String> {
    println!("cargo::rerun-if-changed={path}");
    Ok(fs::read_to_string(path)?.replace("\r\n", "\n"))
}

/// Compresses `text` into a file, and describes that in another one, as `src/documents.rs` wants it.
fn pack(text: &str, name: &str, out: &Path) -> io::Result<()> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(text.as_bytes())?;
    let gzip = gzip.finish()?;
    let deflated = HEAD..gzip.len() - TAIL;
    let etag: String = Sha256::digest(text)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let length = text.len();
    let document = format!(
        "Document {{
            gzip: include_bytes!(\"{name}.gz\"),
            deflated: {deflated:?},
            length: {length},
            etag: \"W/\\\"{etag}\\\"\",
        }}"
    );
    fs::write(out.join(format!("{name}.gz")), gzip)?;
    fs::write(out.join(format!("{name}.rs")), document)
}

/// The operations of an OpenAPI document, a line for each.
fn list(openapi: &Value) -> String {
    let mut list = format!("spin-on-k8s {}\n\n", env!("CARGO_PKG_VERSION"));
    for (path, item) in openapi["paths"].as_object().expect("an object") {
        for (method, operation) in item.as_object().expect("an object") {
            let (method, summary) =
                (method.to_uppercase(), operation["summary"].as_str().expect("a text"));
            writeln!(list, "{method:<4} {path:<13}  {summary}").expect("memory");
        }
    }
    list
}
