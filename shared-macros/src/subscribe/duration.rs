//! Durations as an option's text has them: `200ms`, `30s`, `1m`, `2h`.

/// The milliseconds of a duration that is longer than nothing.
pub(crate) fn millis(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor).filter(|millis| *millis > 0)
}

/// The first and the longest pause of `200ms..1m`.
pub(crate) fn backoff(text: &str) -> Option<(u64, u64)> {
    let (base, cap) = text.split_once("..")?;
    Some((millis(base)?, millis(cap)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read() {
        assert_eq!(["200ms", "30s", "1m", "2h"].map(millis), [Some(200), Some(30_000), Some(60_000), Some(7_200_000)]);
        assert_eq!(backoff("200ms..1m"), Some((200, 60_000)));
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in ["", "fast", "30", "0s", "-1s", "1.5s", "1d", " 1s", "99999999999999999999s", "9999999999999999h"] {
            assert_eq!(millis(bad), None, "{bad:?}");
        }
        for bad in ["fast", "1s", "..1m", "1s..", "1s-1m"] {
            assert_eq!(backoff(bad), None, "{bad:?}");
        }
    }
}
