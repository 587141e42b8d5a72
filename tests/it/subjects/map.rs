//! The map of patterns and the matcher.

use shared::event::subject::{PatternMap, captured, covers, wildcards};

use crate::generate::{pattern, seeded, subject};

/// Patterns come and go; at all times the map finds what the matcher covers, one by one.
#[test]
fn the_map_finds_what_the_matcher_covers() {
    let (mut rng, seed) = seeded();
    let mut map = PatternMap::new();
    let mut known: Vec<(String, usize)> = Vec::new();
    for step in 0..2_000 {
        if known.is_empty() || rng.u8(..5) < 3 {
            let pattern = pattern(&mut rng);
            map.insert(&pattern, step);
            known.push((pattern, step));
        } else {
            let (pattern, value) = known.swap_remove(rng.usize(..known.len()));
            assert_eq!(map.remove(&pattern, |other| *other == value), [value], "{pattern}, seed {seed}");
        }
        assert_eq!(map.len(), known.len());
        let subject = subject(&mut rng);
        let mut expected: Vec<usize> =
            known.iter().filter(|(pattern, _)| covers(pattern, &subject)).map(|(_, value)| *value).collect();
        let mut found: Vec<usize> = map.matches(&subject).copied().collect();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "{subject}, seed {seed}");
    }
}

#[test]
fn the_captured_tokens_put_into_the_pattern_are_the_subject() {
    let (mut rng, seed) = seeded();
    let mut seen = 0;
    for _ in 0..100_000 {
        let (pattern, subject) = (pattern(&mut rng), subject(&mut rng));
        let Some(mut tokens) = captured(&pattern, &subject) else { continue };
        seen += 1;
        assert_eq!(tokens.clone().count(), wildcards(&pattern), "{pattern} over {subject}, seed {seed}");
        let mut filled: Vec<&str> = Vec::new();
        for (index, token) in pattern.split('.').enumerate() {
            match token {
                "*" => filled.push(tokens.next().expect("there is one for each wildcard")),
                ">" => filled.extend(subject.split('.').skip(index)),
                _ => filled.push(token),
            }
        }
        assert_eq!(filled.join("."), subject, "{pattern}, seed {seed}");
    }
    assert!(seen > 1_000, "only {seen} matched, seed {seed}");
}
