//! Directories and ports.

use std::fs;

use tests::{Scratch, free_port};

#[test]
fn a_scratch_directory_is_empty_distinct_and_removed_with_its_content() {
    let (one, two) = (Scratch::new("same"), Scratch::new("same"));
    assert_ne!(one.path(), two.path());
    assert_eq!(fs::read_dir(one.path()).expect("it exists").count(), 0);
    fs::create_dir(one.join("deep")).expect("it is writable");
    fs::write(one.join("deep/file"), "x").expect("it is writable");
    let path = one.path().to_owned();
    drop(one);
    assert!(!path.exists());
    assert!(two.path().exists());
}

#[test]
fn free_ports_are_distinct_and_can_be_listened_on() {
    let ports: Vec<u16> = (0..50).map(|_| free_port()).collect();
    let mut distinct = ports.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), ports.len());
    std::net::TcpListener::bind(("127.0.0.1", ports[0])).expect("the port is free");
}
