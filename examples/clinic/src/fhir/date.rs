use chrono::{DateTime, Datelike, NaiveDate, Utc};

/// What a FHIR `date` or `dateTime` says (<http://hl7.org/fhir/R4/datatypes.html#dateTime>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// To the microsecond, which is what Postgres stores: both engines then agree on what is the same start.
    Instant(DateTime<Utc>),
    Day(NaiveDate),
    /// A month or a year.
    Partial,
}

/// `None` when `text` is neither.
pub(super) fn parse(text: &str) -> Option<When> {
    if text.contains('T') {
        let time = DateTime::parse_from_rfc3339(text).ok().filter(|time| time.year() > 0)?;
        // Also moves a leap second (23:59:60), which chrono keeps and databases refuse, to the next second.
        return DateTime::from_timestamp_micros(time.timestamp_micros()).map(When::Instant);
    }
    match text.len() {
        4 => day(&format!("{text}-01-01")).map(|_| When::Partial),
        7 => day(&format!("{text}-01")).map(|_| When::Partial),
        10 => day(text).map(When::Day),
        _ => None,
    }
}

fn day(text: &str) -> Option<NaiveDate> {
    // chrono also accepts signs and missing zeros.
    let shape = text.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if !shape || text.len() != 10 {
        return None;
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|day| day.year() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_utc_to_the_microsecond() {
        let instant = |text: &str| match parse(text) {
            Some(When::Instant(time)) => time.to_rfc3339(),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(instant("2020-05-17T10:30:00Z"), "2020-05-17T10:30:00+00:00");
        assert_eq!(instant("2020-05-17T10:30:00-05:00"), "2020-05-17T15:30:00+00:00");
        assert_eq!(instant("2020-05-17T10:30:00.123456789Z"), "2020-05-17T10:30:00.123456+00:00");
        assert_eq!(instant("2016-12-31T23:59:60Z"), "2017-01-01T00:00:00+00:00");
    }

    #[test]
    fn partial_dates_are_no_instants() {
        assert_eq!(parse("2020"), Some(When::Partial));
        assert_eq!(parse("2020-05"), Some(When::Partial));
        assert_eq!(parse("2020-02-29").map(|when| matches!(when, When::Day(_))), Some(true));
    }

    #[test]
    fn anything_else_is_no_date() {
        for text in [
            "",
            "x",
            "20",
            "02020",
            "2020-",
            "2020-5",
            "2020-13",
            "2020-00",
            "2021-02-29",
            "0000",
            "0000-01-01",
            "+202-01-01",
            "2020/05/17",
            "2020-05-17T",
            "2020-05-17T10:30",
            "2020-05-17T10:30:00",
            "2020-05-17T25:00:00Z",
            "2020-05-17 10:30:00Z",
            "99999-01-01",
            "２０２０",
            "é020",
            "0000-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
