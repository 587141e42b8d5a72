//! The matcher, the map and a NATS server.

use std::collections::BTreeSet;
use std::time::Duration;

use shared::event::subject::{PatternMap, covers};
use tests::{Nats, NatsOptions};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::generate::{pattern, seeded, subject};

/// So many patterns and so many subjects, each with each.
const EACH: usize = 320;

#[tokio::test]
async fn the_matcher_the_map_and_a_server_agree_on_a_hundred_thousand_pairs() {
    let (mut rng, seed) = seeded();
    let patterns: Vec<String> = (0..EACH).map(|_| pattern(&mut rng)).collect();
    let subjects: Vec<String> = (0..EACH).map(|_| subject(&mut rng)).collect();

    let nats = NatsOptions::default().without_jetstream().start().await;
    let asked = tokio::time::timeout(Duration::from_secs(60), delivered(&nats, &patterns, &subjects));
    let delivered = asked.await.expect("the server answers");

    let mut covered = BTreeSet::new();
    let mut found = BTreeSet::new();
    let mut map = PatternMap::new();
    for (p, pattern) in patterns.iter().enumerate() {
        map.insert(pattern, p);
    }
    for (s, subject) in subjects.iter().enumerate() {
        covered
            .extend(patterns.iter().enumerate().filter(|(_, pattern)| covers(pattern, subject)).map(|(p, _)| (p, s)));
        found.extend(map.matches(subject).map(|p| (*p, s)));
    }
    let named = |pairs: &mut dyn Iterator<Item = &(usize, usize)>| -> Vec<(String, String)> {
        pairs.take(10).map(|(p, s)| (patterns[*p].clone(), subjects[*s].clone())).collect()
    };
    let nothing: [(String, String); 0] = [];
    assert_eq!(named(&mut covered.difference(&delivered)), nothing, "covered but not delivered, seed {seed}");
    assert_eq!(named(&mut delivered.difference(&covered)), nothing, "delivered but not covered, seed {seed}");
    assert_eq!(named(&mut covered.symmetric_difference(&found)), nothing, "covered or found, not both, seed {seed}");
    assert!(delivered.len() > EACH * EACH / 100, "only {} pairs match, seed {seed}", delivered.len());
}

/// Which subscription gets which message, by number.
///
/// It speaks the protocol itself: a client library would refuse some of the subjects that a server takes. A server
/// answers in order, so whatever it delivers lies before its answer to the ping.
async fn delivered(nats: &Nats, patterns: &[String], subjects: &[String]) -> BTreeSet<(usize, usize)> {
    let mut stream = BufReader::new(TcpStream::connect(nats.address()).await.expect("the server listens"));
    let mut asked = String::from("CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
    for (p, pattern) in patterns.iter().enumerate() {
        asked += &format!("SUB {pattern} {p}\r\n");
    }
    for (s, subject) in subjects.iter().enumerate() {
        let payload = s.to_string();
        asked += &format!("PUB {subject} {}\r\n{payload}\r\n", payload.len());
    }
    asked += "PING\r\n";
    stream.write_all(asked.as_bytes()).await.expect("the server reads");

    let mut delivered = BTreeSet::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.expect("the server writes lines of UTF-8");
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words[..] {
            ["MSG", _, sid, size] => {
                let mut payload = vec![0; size.parse::<usize>().expect("a size") + "\r\n".len()];
                stream.read_exact(&mut payload).await.expect("the payload follows");
                let payload = String::from_utf8(payload).expect("the payload is a number");
                let pair = (sid.parse().expect("a number"), payload.trim_end().parse().expect("a number"));
                assert!(delivered.insert(pair), "{pair:?} was delivered twice");
            }
            ["PONG"] => return delivered,
            ["INFO", ..] => {}
            _ => panic!("the server says {line:?}"),
        }
    }
}
