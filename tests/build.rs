//! Takes the Rust code out of the README, so that the target `readme` compiles it.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("..");
    let readme = root.join("README.md");
    println!("cargo::rerun-if-changed={}", readme.display());
    let text = fs::read_to_string(&readme).expect("the README is there");
    let blocks: Vec<String> = text
        .split("\n```rust\n")
        .skip(1)
        .map(|rest| rest.split("\n```").next().unwrap_or_default().to_owned() + "\n")
        .collect();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    write(&out.join("first.rs"), blocks.first().expect("the README begins with code"));
    // an included file cannot begin with inner documentation
    let code: String =
        blocks.concat().lines().filter(|line| !line.starts_with("//!")).map(|line| format!("{line}\n")).collect();
    write(&out.join("readme.rs"), &code);
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("the build directory can be written");
}
