//! Links with the libpam that every Linux has, so that building needs no development package.

use std::path::PathBuf;
use std::{env, fs, io};

/// What `libpam.so` of the development package is for, in the linker's own words: the library under
/// the name by which programs load it.
const SCRIPT: &str = "INPUT ( -l:libpam.so.0 )\n";

fn main() -> io::Result<()> {
    let directory = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(directory.join("libpam.so"), SCRIPT)?;
    println!("cargo::rustc-link-search=native={}", directory.display());
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}
