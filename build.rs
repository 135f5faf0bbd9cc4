//! Prepares the documents that the component carries: compresses them, and hashes the page's own
//! style and script, the only ones that its Content-Security-Policy allows.

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use std::{env, fs, path::Path};

fn main() -> io::Result<()> {
    // Not the working directory, since the fuzzers' package has this build script, too.
    let source = Path::new(file!()).with_file_name("src");
    let out = env::var("OUT_DIR").expect("Cargo sets it");
    for name in ["page.html", "openapi.json"] {
        let path = source.join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&fs::read(path)?)?;
        fs::write(format!("{out}/{name}.gz"), gzip.finish()?)?;
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
