//! Which dead letters are meant.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::db::dialect::Args;
use crate::entity::EntityValue;
use crate::error::DecodeCode;

/// Which dead letters are meant, of those that wait. It starts with all of them; each condition leaves fewer.
///
/// ```
/// use shared::db::LetterFilter;
///
/// let filter = LetterFilter::all().subscription("reminders_remind").reason("timeout");
/// assert!(!filter.is_all());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LetterFilter {
    subscription: Option<String>,
    event_type: Option<String>,
    reasons: Vec<String>,
    before: Option<DateTime<Utc>>,
    since: Option<DateTime<Utc>>,
    after: Option<(DateTime<Utc>, Uuid)>,
}

impl LetterFilter {
    /// All that wait.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Of this subscription, by its durable name: `{service}_{handler}`.
    #[must_use]
    pub fn subscription(self, name: impl Into<String>) -> Self {
        Self { subscription: Some(name.into()), ..self }
    }

    /// Of this event type.
    #[must_use]
    pub fn event_type(self, name: impl Into<String>) -> Self {
        Self { event_type: Some(name.into()), ..self }
    }

    /// With this reason: an error kind such as `timeout` or `other`, or a decode code such as `missing_field`. `decode` is all of
    /// the latter.
    #[must_use]
    pub fn reason(self, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        let reasons = match reason.as_str() {
            "decode" => DecodeCode::ALL.iter().map(|code| code.as_str().to_owned()).collect(),
            _ => vec![reason],
        };
        Self { reasons, ..self }
    }

    /// Parked before this time.
    #[must_use]
    pub fn parked_before(self, time: DateTime<Utc>) -> Self {
        Self { before: Some(time), ..self }
    }

    /// Parked at this time or later.
    #[must_use]
    pub fn parked_since(self, time: DateTime<Utc>) -> Self {
        Self { since: Some(time), ..self }
    }

    /// The end of the time that it looks at.
    pub(crate) fn end(&self) -> Option<DateTime<Utc>> {
        self.before
    }

    /// Those that come after a letter, in the order in which they are listed.
    pub(super) fn after(self, parked_at: DateTime<Utc>, id: Uuid) -> Self {
        Self { after: Some((parked_at, id)), ..self }
    }

    /// Whether it has no condition.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// The conditions, with what they compare with in the arguments, which may hold some already.
    pub(super) fn conditions(&self, args: &mut Args) -> String {
        let mut sql = String::from("replayed_at IS NULL");
        let mut and = |args: &mut Args, condition: &str, value: &dyn Fn(&mut Args)| {
            value(args);
            let _infallible = write!(sql, " AND {condition}${}", args.len());
        };
        if let Some(subscription) = &self.subscription {
            and(args, "subscription = ", &|args| subscription.bind(args));
        }
        if let Some(event_type) = &self.event_type {
            and(args, "event_type = ", &|args| event_type.bind(args));
        }
        if let Some(before) = &self.before {
            and(args, "parked_at < ", &|args| before.bind(args));
        }
        if let Some(since) = &self.since {
            and(args, "parked_at >= ", &|args| since.bind(args));
        }
        if let Some((parked_at, id)) = &self.after {
            parked_at.bind(args);
            id.bind(args);
            let n = args.len();
            let _infallible = write!(sql, " AND (parked_at, id) > (${}, ${n})", n - 1);
        }
        if !self.reasons.is_empty() {
            let mut places = String::new();
            for reason in &self.reasons {
                reason.bind(args);
                let comma = if places.is_empty() { "" } else { ", " };
                let _infallible = write!(places, "{comma}${}", args.len());
            }
            let _infallible = write!(sql, " AND reason IN ({places})");
        }
        sql
    }
}
