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

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::context::Context;
    use crate::time::{Clock, now};

    fn rules(value: &impl Moment) -> (bool, bool) {
        let holds = |rule: fn(&mut Checker, &_)| {
            let mut checker = Checker::default();
            rule(&mut checker, value);
            checker.finish("Test").is_ok()
        };
        (holds(past), holds(future))
    }

    const PAST: (bool, bool) = (true, false);
    const FUTURE: (bool, bool) = (false, true);

    #[test]
    fn now_is_neither_past_nor_future() {
        let now = now();
        assert_eq!(now.relative_to(now), Some(Ordering::Equal));
        assert_eq!((now + TimeDelta::microseconds(1)).relative_to(now), Some(Ordering::Greater));
        assert_eq!((now - TimeDelta::microseconds(1)).relative_to(now), Some(Ordering::Less));
        // whoever compares later than this has a later now
        assert!(rules(&(now - TimeDelta::microseconds(1))).0);
        assert_eq!(rules(&(now + TimeDelta::hours(1))), FUTURE);
        assert_eq!(rules(&None::<DateTime<Utc>>), (true, true));
    }

    #[test]
    fn a_day_is_compared_with_the_day_in_utc() {
        let late: DateTime<Utc> = "2026-02-28T23:59:59.999999Z".parse().unwrap();
        let day = late.date_naive();
        assert_eq!(day.relative_to(late), Some(Ordering::Equal));
        assert_eq!(day.relative_to(late + TimeDelta::microseconds(1)), Some(Ordering::Less));
        assert_eq!(rules(&(now().date_naive() - TimeDelta::days(1))), PAST);
        assert_eq!(rules(&(now().date_naive() + TimeDelta::days(2))), FUTURE);
    }

    #[tokio::test]
    async fn a_moved_clock_moves_them() {
        let (clock, soon) = (Clock::new(), now() + TimeDelta::days(1));
        clock.advance(TimeDelta::days(2));
        let both = Context::new().with_clock(clock).scope(async { rules(&soon) }).await;
        assert_eq!((rules(&soon), both), (FUTURE, PAST));
    }
}
