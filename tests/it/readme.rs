//! The README's code compiles, and its first screenful is the quickstart.

#![allow(dead_code, unused_imports)] // it shows things, and calls few of them

mod code {
    include!(concat!(env!("OUT_DIR"), "/readme.rs"));
}

#[test]
fn the_first_screenful_is_the_quickstart() {
    let shown = include_str!(concat!(env!("OUT_DIR"), "/first.rs"));
    let quickstart = include_str!("../../examples/quickstart/src/main.rs");
    assert_eq!(shown, quickstart, "copy examples/quickstart/src/main.rs into the README");
    assert!(quickstart.lines().count() < 80);
}
