//! Free ports.

use std::collections::HashSet;
use std::fs;
use std::net::TcpListener;
use std::sync::{LazyLock, Mutex};

/// Given out by this process before, because between the check here and the server's start nobody
/// holds the port.
static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A port of 127.0.0.1 on which nothing listens, and which this process has not been given before.
///
/// It lies below the range from which the kernel takes ports for outgoing connections. Inside that
/// range, a server that is down for a moment could find its port taken by somebody's connection,
/// and a client that keeps trying to reach a dead server can even connect to itself.
///
/// Another process may still take the port before the server does; servers started here then try
/// again with another one.
///
/// # Panics
/// When a thousand ports in a row are taken.
#[must_use]
pub fn free_port() -> u16 {
    let end = outgoing_range_start().clamp(11_000, 40_000);
    let mut given = GIVEN.lock().expect("nothing panics while it holds the list of ports");
    for _ in 0..1_000 {
        let port = fastrand::u16(10_000..end);
        if !given.contains(&port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            given.insert(port);
            return port;
        }
    }
    panic!("no free port between 10000 and {end}")
}

fn outgoing_range_start() -> u16 {
    fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .unwrap_or(32_768)
}
