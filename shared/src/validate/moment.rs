//! The rules `past` and `future`, by [`time::now`](crate::time::now()).

use std::cmp::Ordering;

use chrono::{DateTime, NaiveDate, Utc};

use super::Checker;

/// Types that the rules `past` and `future` can compare with now.
#[diagnostic::on_unimplemented(
    message = "this validation rule needs a time or a date, but `{Self}` is neither",
    label = "cannot be compared with now",
    note = "`past` and `future` work on `DateTime<Utc>` and `NaiveDate`, and on `Option`, `Phi` and `Box` of these"
)]
pub trait Moment {
    /// How the value lies to now, if present. A date lies to today, in UTC.
    fn relative_to(&self, now: DateTime<Utc>) -> Option<Ordering>;
}

impl Moment for DateTime<Utc> {
    #[inline]
    fn relative_to(&self, now: DateTime<Utc>) -> Option<Ordering> {
        Some(self.cmp(&now))
    }
}

impl Moment for NaiveDate {
    #[inline]
    fn relative_to(&self, now: DateTime<Utc>) -> Option<Ordering> {
        Some(self.cmp(&now.date_naive()))
    }
}

/// The time is before now, the date before today (UTC).
#[inline]
pub fn past<T: Moment + ?Sized>(checker: &mut Checker, value: &T) {
    if value.relative_to(crate::time::now()).is_some_and(Ordering::is_ge) {
        checker.violation("past", "in the past");
    }
}

/// The time is after now, the date after today (UTC).
#[inline]
pub fn future<T: Moment + ?Sized>(checker: &mut Checker, value: &T) {
    if value.relative_to(crate::time::now()).is_some_and(Ordering::is_le) {
        checker.violation("future", "in the future");
    }
}
