//! Generated code as a reader would see it, for the tests.

use std::io::Write as _;
use std::process::{Command, Stdio};

use proc_macro2::TokenStream;

/// The code as rustfmt lays it out, with its defaults.
pub(crate) fn pretty(tokens: &TokenStream) -> String {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path", "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("rustfmt runs; install it with `rustup component add rustfmt`");
    let mut input = rustfmt.stdin.take().expect("it was asked for");
    input.write_all(tokens.to_string().as_bytes()).expect("rustfmt reads its input");
    drop(input);
    let output = rustfmt.wait_with_output().expect("rustfmt ends");
    assert!(output.status.success(), "generated code is not Rust: {tokens}");
    String::from_utf8(output.stdout).expect("rustfmt writes UTF-8")
}

/// Lines of code, the measure of the budgets.
pub(crate) fn lines(tokens: &TokenStream) -> usize {
    pretty(tokens).lines().filter(|line| !line.trim().is_empty()).count()
}
