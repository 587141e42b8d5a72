//! Times and dates as columns: in microseconds, and as text that sorts where the engine has no type for them.

use std::ops::Range;
use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Timelike, Utc};

use super::def::ColumnType;
use super::value::{Comparable, EntityValue, bind_pg_array};
use crate::db::{Args, Row};
use crate::error::Result;

const YEARS: &str = "a date is outside of the years 0 to 9999, whose text sorts";

fn is_writable(date: impl Datelike) -> bool {
    (0..=9999).contains(&date.year())
}

/// Whole microseconds. Postgres would round towards the year 2000, and it counts a leap second as the next one.
fn instant(value: Option<&DateTime<Utc>>, args: &mut Args) -> Option<DateTime<Utc>> {
    let value = value.map(|value| value.stored());
    if value.is_some_and(|value| !is_writable(value)) {
        args.fail(YEARS);
    }
    value
}

/// RFC 3339 with `+00:00`, as sqlx writes it, and always six digits: then the texts sort like the times.
fn written(time: DateTime<Utc>) -> Arc<str> {
    let mut text = *b"0000-00-00T00:00:00.000000+00:00";
    let numbers = [
        time.year().unsigned_abs(), // at least 0, or the statement fails
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.nanosecond() / 1_000,
    ];
    for (place, mut number) in PLACES.into_iter().zip(numbers) {
        for digit in text[place].iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }
    Arc::from(std::str::from_utf8(&text).expect("digits and signs are ASCII"))
}

/// Where the numbers are in such a text.
const PLACES: [Range<usize>; 7] = [0..4, 5..7, 8..10, 11..13, 14..16, 17..19, 20..26];

/// Reads what [`written`] writes; `None` when it is written in another way.
fn parsed(text: &[u8]) -> Option<DateTime<Utc>> {
    const SIGNS: [(usize, u8); 6] = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.')];
    let is_such = text.len() == 32 && text.ends_with(b"+00:00") && SIGNS.iter().all(|&(at, sign)| text[at] == sign);
    if !is_such {
        return None;
    }
    let mut numbers = [0; 7];
    for (place, number) in PLACES.into_iter().zip(&mut numbers) {
        for digit in &text[place] {
            *number = *number * 10 + u32::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        }
    }
    let [year, month, day, hour, minute, second, micro] = numbers;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    Some(date.and_hms_micro_opt(hour, minute, second, micro)?.and_utc())
}

impl EntityValue for DateTime<Utc> {
    const TYPE: ColumnType = ColumnType::Timestamp;

    fn bind_option(value: Option<&Self>, args: &mut Args) {
        let value = instant(value, args);
        args.add_split(|| value, || value.map(written));
    }

    fn bind_array<'a>(values: impl Iterator<Item = Option<&'a Self>>, args: &mut Args) {
        let values: Vec<Option<Self>> = values.map(|value| instant(value, args)).collect();
        bind_pg_array(args, || values);
    }

    fn read_option(row: &Row, index: usize) -> Result<Option<Self>> {
        row.get_or_text(index, |text| {
            parsed(text.as_bytes()).or_else(|| Some(DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc)))
        })
    }

    fn stored(self) -> Self {
        // every chrono time fits: it has at most 263,000 years, an i64 of microseconds 292,000
        DateTime::from_timestamp_micros(self.timestamp_micros()).unwrap_or(self)
    }
}
impl Comparable for DateTime<Utc> {}

fn day(value: Option<&NaiveDate>, args: &mut Args) -> Option<NaiveDate> {
    if value.is_some_and(|value| !is_writable(*value)) {
        args.fail(YEARS);
    }
    value.copied()
}

impl EntityValue for NaiveDate {
    const TYPE: ColumnType = ColumnType::Date;

    fn bind_option(value: Option<&Self>, args: &mut Args) {
        let value = day(value, args);
        args.add_split(|| value, || value.map(|value| value.to_string()));
    }

    fn bind_array<'a>(values: impl Iterator<Item = Option<&'a Self>>, args: &mut Args) {
        let values: Vec<Option<Self>> = values.map(|value| day(value, args)).collect();
        bind_pg_array(args, || values);
    }

    fn read_option(row: &Row, index: usize) -> Result<Option<Self>> {
        row.get_or_text(index, |text| text.parse().ok())
    }
}
impl Comparable for NaiveDate {}

fn time_of_day(value: Option<&NaiveTime>, args: &mut Args) -> Option<NaiveTime> {
    let value = value.map(|value| value.stored());
    if value.is_some_and(|value| value.nanosecond() >= 1_000_000_000) {
        args.fail("a time of day is a leap second, which Postgres cannot store");
    }
    value
}

impl EntityValue for NaiveTime {
    const TYPE: ColumnType = ColumnType::Time;

    fn bind_option(value: Option<&Self>, args: &mut Args) {
        let value = time_of_day(value, args);
        args.add_split(|| value, || value.map(|value| value.format("%H:%M:%S%.6f").to_string()));
    }

    fn bind_array<'a>(values: impl Iterator<Item = Option<&'a Self>>, args: &mut Args) {
        let values: Vec<Option<Self>> = values.map(|value| time_of_day(value, args)).collect();
        bind_pg_array(args, || values);
    }

    fn read_option(row: &Row, index: usize) -> Result<Option<Self>> {
        row.get_or_text(index, |text| text.parse().ok())
    }

    fn stored(self) -> Self {
        self.with_nanosecond(self.nanosecond() / 1_000 * 1_000).unwrap_or(self)
    }
}
impl Comparable for NaiveTime {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_time_has_whole_microseconds_and_no_leap_second() {
        let time = DateTime::parse_from_rfc3339("1969-12-31T23:59:59.123456789Z").unwrap().with_timezone(&Utc);
        assert_eq!(time.stored().to_rfc3339(), "1969-12-31T23:59:59.123456+00:00");
        let leap = DateTime::parse_from_rfc3339("2016-12-31T23:59:60.5Z").unwrap().with_timezone(&Utc);
        assert_eq!(leap.stored().to_rfc3339(), "2017-01-01T00:00:00.500+00:00");
        for extreme in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            assert_eq!(extreme.stored().timestamp(), extreme.timestamp());
        }
    }

    #[test]
    fn a_time_is_written_as_sqlx_does_and_read_again() {
        let times = [
            "0000-01-01T00:00:00Z",
            "1969-12-31T23:59:59.000001Z",
            "2026-02-28T12:34:56.78Z",
            "9999-12-31T23:59:59.999999Z",
        ];
        for text in times {
            let time = DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc);
            let text = written(time);
            assert_eq!(*text, time.to_rfc3339_opts(chrono::SecondsFormat::Micros, false));
            assert_eq!(parsed(text.as_bytes()), Some(time));
        }
    }

    #[test]
    fn a_time_that_is_written_in_another_way_is_left_to_chrono() {
        for text in [
            "",
            "2026-02-28T12:34:56+00:00",
            "2026-02-28T12:34:56.780000+01:00",
            "2026-02-28 12:34:56.780000+00:00",
            "2026-02-30T12:34:56.780000+00:00",
            "2026-02-28T12:34:60.780000+00:00",
            "2026-02-28T12:3:456.780000+00:00",
            "2026-02-2/T12:34:56.780000+00:00",
            "+026-02-28T12:34:56.780000+00:00",
        ] {
            assert_eq!(parsed(text.as_bytes()), None, "{text}");
        }
    }
}
