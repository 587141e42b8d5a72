//! Patterns and subjects at random.

use fastrand::Rng;

/// Tokens that a server takes for what they are, however odd: a wildcard inside of a token is none.
const TOKENS: [&str; 12] = ["a", "b", "ab", "A", "a*", "*a", ">b", "b>", "{a}", "é", "日本", "🩺"];

/// What is no subject of an event, but may be published by others.
const ODD: [&str; 9] = [".", "a.", ".a", "a..b", "a.b.", "*", ">", "a.*", "*.>"];

/// The generator of a test, and the seed that it says when it fails.
pub(crate) fn seeded() -> (Rng, u64) {
    let seed = match std::env::var("SUBJECTS_SEED") {
        Ok(seed) => seed.parse().expect("`SUBJECTS_SEED` is a number"),
        Err(_) => fastrand::u64(..),
    };
    (Rng::with_seed(seed), seed)
}

pub(crate) fn subject(rng: &mut Rng) -> String {
    if rng.u8(..20) == 0 {
        return ODD[rng.usize(..ODD.len())].to_owned();
    }
    tokens(rng).join(".")
}

pub(crate) fn pattern(rng: &mut Rng) -> String {
    let mut tokens = tokens(rng);
    for token in &mut tokens {
        if rng.u8(..3) == 0 {
            *token = "*";
        }
    }
    if rng.u8(..4) == 0
        && let Some(last) = tokens.last_mut()
    {
        *last = ">";
    }
    tokens.join(".")
}

/// One to five tokens. The first ones of the alphabet come more often.
fn tokens(rng: &mut Rng) -> Vec<&'static str> {
    let often = |rng: &mut Rng| if rng.bool() { 2 } else { TOKENS.len() };
    (0..rng.usize(1..=5))
        .map(|_| {
            let of = often(rng);
            TOKENS[rng.usize(..of)]
        })
        .collect()
}
