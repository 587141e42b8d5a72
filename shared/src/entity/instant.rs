//! Times and dates as columns: in microseconds, and as text that sorts where the engine has no type for them.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, SecondsFormat, Timelike, Utc};

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

impl EntityValue for DateTime<Utc> {
    const TYPE: ColumnType = ColumnType::Timestamp;

    fn bind_option(value: Option<&Self>, args: &mut Args) {
        let value = instant(value, args);
        // `+00:00`, as sqlx writes it, and always six digits: then the texts sort like the times
        args.add_split(|| value, || value.map(|value| value.to_rfc3339_opts(SecondsFormat::Micros, false)));
    }

    fn bind_array<'a>(values: impl Iterator<Item = Option<&'a Self>>, args: &mut Args) {
        let values: Vec<Option<Self>> = values.map(|value| instant(value, args)).collect();
        bind_pg_array(args, || values);
    }

    fn read_option(row: &Row, index: usize) -> Result<Option<Self>> {
        row.get_split(index, Some, |text: String| {
            DateTime::parse_from_rfc3339(&text).ok().map(|time| time.with_timezone(&Utc))
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
        row.get_split(index, Some, |text: String| text.parse().ok())
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
        row.get_split(index, Some, |text: String| text.parse().ok())
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
}
