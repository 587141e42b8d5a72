//! Pages: what a client asks for, and what it gets.

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use super::cursor::Cursor;
use crate::error::{Error, Result};
use crate::validate::{Violation, Violations};

/// How many rows a page has at most.
pub const MAX_PAGE: usize = 10_000;

/// How many rows a page has when a client does not say.
const DEFAULT_PAGE: usize = 50;

/// Which page of a query; see [`Query::page`](super::Query::page).
///
/// It can be part of what a client sends: `?limit=20&after=…`, with `limit` (50 if it is left out) and either `after`,
/// `before` or neither. [`MAX_PAGE`] is the greatest limit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Asked")]
pub struct Page {
    pub(super) limit: usize,
    pub(super) from: From,
}

/// Where a page begins, and the direction in which it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum From {
    Start,
    After(Cursor),
    Before(Cursor),
    End,
}

impl Page {
    /// The first rows.
    #[must_use]
    pub fn first(limit: usize) -> Self {
        Self { limit, from: From::Start }
    }

    /// The rows after those of an earlier page: its [`next`](PageOf::next).
    #[must_use]
    pub fn after(cursor: impl Into<Cursor>, limit: usize) -> Self {
        Self { limit, from: From::After(cursor.into()) }
    }

    /// The rows before those of a later page: its [`previous`](PageOf::previous).
    #[must_use]
    pub fn before(cursor: impl Into<Cursor>, limit: usize) -> Self {
        Self { limit, from: From::Before(cursor.into()) }
    }

    /// The last rows.
    #[must_use]
    pub fn last(limit: usize) -> Self {
        Self { limit, from: From::End }
    }

    /// The limit, if it is one: it often comes from a client.
    pub(super) fn checked_limit(&self) -> Result<usize> {
        if (1..=MAX_PAGE).contains(&self.limit) {
            return Ok(self.limit);
        }
        let violation = Violation { path: "/limit".into(), rule: "range", expected: format!("1 to {MAX_PAGE}") };
        Err(Error::Invalid(Violations::one("Page", violation)))
    }

    pub(super) fn cursor(&self) -> Option<&Cursor> {
        match &self.from {
            From::After(cursor) | From::Before(cursor) => Some(cursor),
            From::Start | From::End => None,
        }
    }

    pub(super) fn is_backward(&self) -> bool {
        matches!(self.from, From::Before(_) | From::End)
    }
}

/// A page as a client asks for it.
#[derive(Deserialize)]
struct Asked {
    #[serde(default = "default_limit", deserialize_with = "limit")]
    limit: usize,
    after: Option<Cursor>,
    before: Option<Cursor>,
}

fn default_limit() -> usize {
    DEFAULT_PAGE
}

/// A number, also as text: that is what it is in a query string. What is out of range is refused later, with its name.
fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    struct Limit;

    impl Visitor<'_> for Limit {
        type Value = usize;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "a number from 1 to {MAX_PAGE}")
        }

        fn visit_u64<E>(self, number: u64) -> Result<usize, E> {
            Ok(usize::try_from(number).unwrap_or(usize::MAX))
        }

        fn visit_i64<E>(self, number: i64) -> Result<usize, E> {
            Ok(usize::try_from(number).unwrap_or(0))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<usize, E> {
            let number: i64 = text.parse().map_err(|_| E::custom("`limit` must be a number from 1 to 10000"))?;
            self.visit_i64(number)
        }
    }

    deserializer.deserialize_any(Limit)
}

impl TryFrom<Asked> for Page {
    type Error = &'static str;

    fn try_from(asked: Asked) -> Result<Self, Self::Error> {
        let from = match (asked.after, asked.before) {
            (None, None) => From::Start,
            (Some(cursor), None) => From::After(cursor),
            (None, Some(cursor)) => From::Before(cursor),
            (Some(_), Some(_)) => return Err("give `after` or `before`, not both"),
        };
        Ok(Self { limit: asked.limit, from })
    }
}

/// A page of rows, and where the pages beside it are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageOf<T> {
    /// The rows, in the order of the query.
    pub items: Vec<T>,
    /// For [`Page::after`]: there are rows after these. `None` at the end.
    pub next: Option<Cursor>,
    /// For [`Page::before`]: there were rows before these. `None` at the beginning.
    pub previous: Option<Cursor>,
}

impl<T> PageOf<T> {
    /// The same page of what each row becomes.
    #[must_use]
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> PageOf<U> {
        PageOf { items: self.items.into_iter().map(f).collect(), next: self.next, previous: self.previous }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_client_asks_in_json() {
        let page = |text: &str| serde_json::from_str::<Page>(text);
        assert_eq!(page("{}").unwrap(), Page::first(50));
        assert_eq!(page(r#"{"limit": 7, "after": "x"}"#).unwrap(), Page::after("x", 7));
        assert_eq!(page(r#"{"limit": "7", "before": "x"}"#).unwrap(), Page::before("x", 7));
        assert!(page(r#"{"after": "x", "before": "y"}"#).unwrap_err().to_string().contains("not both"));
        let error = page(r#"{"limit": "sentinel"}"#).unwrap_err().to_string();
        assert!(error.contains("1 to 10000") && !error.contains("sentinel"), "{error}");
    }

    #[test]
    fn a_limit_out_of_range_is_named() {
        for asked in [r#"{"limit": 0}"#, r#"{"limit": -1}"#, r#"{"limit": "-1"}"#, r#"{"limit": 10001}"#] {
            let error = serde_json::from_str::<Page>(asked).unwrap().checked_limit().unwrap_err();
            assert_eq!((error.kind(), error.http_status()), (ErrorKind::Invalid, 422));
            assert!(error.to_string().contains("/limit must be 1 to 10000"), "{error}");
        }
        assert_eq!(Page::last(MAX_PAGE).checked_limit().unwrap(), MAX_PAGE);
    }
}
