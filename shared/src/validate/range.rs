//! The rule `range`: what can be compared with bounds.

use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Number, Value};

use super::Checker;

/// Types that the `range` rule can compare.
#[diagnostic::on_unimplemented(
    message = "`#[validate(range)]` needs a number, a date, a time or a time span, but `{Self}` is none of them",
    label = "has no order that a range could limit",
    note = "it works on integers, floats, `DateTime<Utc>`, `NaiveDate`, `NaiveTime`, `TimeDelta`, `Duration`, and on `Option`, `Phi` and `Box` of these"
)]
pub trait Ranged {
    /// What the bounds are.
    type Bound: PartialOrd + Limiting;

    /// The value, if present.
    fn ranged(&self) -> Option<&Self::Bound>;
}

/// Types that bounds have.
pub trait Limiting {
    /// The bound in JSON: a number; dates and times as RFC 3339 has them; time spans as ISO 8601 has them, `PT90S`.
    /// Messages say it in the same words.
    fn json(&self) -> Value;
}

macro_rules! limiting {
    ($($t:ty),*: |$bound:ident| $json:expr) => {$(
        impl Ranged for $t {
            type Bound = Self;

            #[inline]
            fn ranged(&self) -> Option<&Self> {
                Some(self)
            }
        }

        impl Limiting for $t {
            fn json(&self) -> Value {
                let $bound = self;
                $json
            }
        }
    )*};
}

limiting!(u8, u16, u32, u64, i8, i16, i32, i64, usize, isize: |bound| Value::from(*bound));
limiting!(f64: |bound| Value::from(*bound));
// the shortest decimal that is this bound, not the binary fraction that it is closest to
limiting!(f32: |bound| bound.to_string().parse::<f64>().map_or(Value::Null, Value::from));
limiting!(DateTime<Utc>: |bound| bound.to_rfc3339_opts(SecondsFormat::AutoSi, true).into());
limiting!(NaiveDate, NaiveTime: |bound| bound.to_string().into());
limiting!(TimeDelta: |bound| bound.to_string().into());
limiting!(Duration: |bound| iso8601(*bound).into());

fn iso8601(span: Duration) -> String {
    let mut text = format!("PT{}", span.as_secs());
    if span.subsec_nanos() > 0 {
        let nanos = format!("{:09}", span.subsec_nanos());
        let _infallible = write!(text, ".{}", nanos.trim_end_matches('0'));
    }
    text + "S"
}

/// A whole number in JSON; beyond 64 bits there are none.
pub(crate) fn whole(number: i128) -> Value {
    Number::from_i128(number).map_or(Value::Null, Value::Number)
}

/// The bound as a sentence has it.
fn words(bound: &impl Limiting) -> String {
    match bound.json() {
        Value::String(text) => text,
        // without the `.0` of whole floats
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => float.to_string(),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// The value lies between the bounds, both included. `NaN` never does.
#[inline]
pub fn range<T: Ranged + ?Sized>(checker: &mut Checker, value: &T, min: Option<T::Bound>, max: Option<T::Bound>) {
    let Some(value) = value.ranged() else { return };
    let inside = min.as_ref().is_none_or(|min| value >= min) && max.as_ref().is_none_or(|max| value <= max);
    if !inside {
        violated(checker, min.as_ref(), max.as_ref());
    }
}

#[cold]
fn violated<B: Limiting>(checker: &mut Checker, min: Option<&B>, max: Option<&B>) {
    let expected = match (min.map(words), max.map(words)) {
        (Some(min), Some(max)) if min == max => min,
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => String::from("a number"),
    };
    checker.violation("range", expected);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said<T: Ranged>(value: T, min: Option<T::Bound>, max: Option<T::Bound>) -> Option<String> {
        let mut checker = Checker::default();
        range(&mut checker, &value, min, max);
        checker.finish("Test").err().map(|violations| violations.iter().map(|v| v.expected.clone()).collect())
    }

    fn json(bound: impl Limiting) -> String {
        bound.json().to_string()
    }

    #[test]
    fn both_bounds_belong_to_it() {
        for value in 0..=20_u8 {
            assert_eq!(said(value, Some(5), Some(15)).is_none(), (5..=15).contains(&value), "{value}");
            assert_eq!(said(value, Some(5), None).is_none(), value >= 5, "{value}");
            assert_eq!(said(value, None, Some(15)).is_none(), value <= 15, "{value}");
        }
        assert_eq!(said(u64::MAX, Some(u64::MAX), Some(u64::MAX)), None);
        assert_eq!(said(i64::MIN, Some(i64::MIN), Some(0)), None);
    }

    #[test]
    fn what_is_no_number_is_never_inside() {
        for (min, max) in [(Some(0.0), Some(1.0)), (Some(0.0), None), (None, Some(1.0))] {
            assert!(said(f64::NAN, min, max).is_some());
        }
        assert_eq!(said(f64::INFINITY, Some(0.0), None), None);
        assert_eq!(said(-0.0, Some(0.0), Some(0.0)), None);
        assert!(said(1.0, Some(f64::NAN), None).is_some(), "nothing is inside of what is no bound");
    }

    #[test]
    fn what_is_absent_is_inside() {
        assert_eq!(said(None::<i32>, Some(5), None), None);
        assert_eq!(said(Some(4), Some(5), None), Some("at least 5".into()));
        assert_eq!(said(Box::new(Some(4)), Some(5), None), Some("at least 5".into()));
        assert_eq!(said(Some(crate::Phi::new(4)), Some(5), Some(5)), Some("5".into()));
    }

    #[test]
    fn bounds_are_said_as_json_has_them() {
        let instant = DateTime::UNIX_EPOCH + TimeDelta::milliseconds(1);
        assert_eq!(json(instant), "\"1970-01-01T00:00:00.001Z\"");
        assert_eq!(json(NaiveTime::from_hms_opt(7, 30, 0).unwrap()), "\"07:30:00\"");
        assert_eq!(json(Duration::from_micros(1_500_000)), "\"PT1.5S\"");
        assert_eq!(json(Duration::MAX), "\"PT18446744073709551615.999999999S\"");
        assert_eq!(json(TimeDelta::seconds(-90)), "\"-PT90S\"");
        assert_eq!((json(0.1_f32), json(0.1_f64), json(f64::NAN)), ("0.1".into(), "0.1".into(), "null".into()));
        assert_eq!(said(6.5, Some(0.0), Some(5.5)), Some("0 to 5.5".into()));
        assert_eq!(
            said(instant, Some(instant + TimeDelta::days(1)), None),
            Some("at least 1970-01-02T00:00:00.001Z".into())
        );
        assert_eq!((whole(i128::from(u64::MAX)), whole(i128::MAX)), (u64::MAX.into(), Value::Null));
    }
}
