//! Searching in texts and in JSON.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::column::Column;
use super::containment::Part;
use super::filter::{Filter, Node};
use super::pattern::Pattern;
use super::value::{Document, EntityValue, Searchable};

/// Upper and lower case differ, on both engines; see [`ignore_ascii_case`](Column::ignore_ascii_case).
impl<E, T, R> Column<E, T, R> {
    /// Rows whose text matches a pattern: `%` stands for any text, `_` for one character, and a backslash takes
    /// away the meaning of what follows it.
    pub fn like(self, pattern: &str) -> Filter<E>
    where
        T: Searchable,
    {
        self.matches(Pattern::parse(pattern))
    }

    /// Rows whose text starts like this. No character has a meaning of its own.
    pub fn starts_with(self, text: &str) -> Filter<E>
    where
        T: Searchable,
    {
        self.matches(Pattern::new().text(text).any())
    }

    /// Rows whose text ends like this. No character has a meaning of its own.
    pub fn ends_with(self, text: &str) -> Filter<E>
    where
        T: Searchable,
    {
        self.matches(Pattern::new().any().text(text))
    }

    /// Rows whose text has this in it. No character has a meaning of its own.
    pub fn contains(self, text: &str) -> Filter<E>
    where
        T: Searchable,
    {
        self.matches(Pattern::new().any().text(text).any())
    }

    /// The same column, to be searched as if the letters A to Z were a to z. Other letters keep their case: the
    /// engines do not agree about them.
    ///
    /// ```
    /// # use shared::prelude::*;
    /// # #[derive(Debug, Entity)]
    /// # #[entity(table = "drugs")]
    /// # struct Drug { #[entity(id)] id: Uuid, name: String }
    /// let aspirins = Drug::NAME.ignore_ascii_case().starts_with("aspirin");
    /// ```
    #[must_use]
    pub fn ignore_ascii_case(self) -> IgnoreAsciiCase<E, T>
    where
        T: Searchable,
    {
        IgnoreAsciiCase(Column::new(self.name))
    }

    fn matches(self, pattern: Pattern) -> Filter<E>
    where
        T: EntityValue,
    {
        Filter::new(Node::Match { column: self.name, negated: false, nullable: T::NULLABLE, pattern })
    }

    /// Rows whose JSON contains this part: an object contains objects with some of its members, an array contains
    /// arrays of some of its items, in any order, and values contain what is equal to them. An array contains a
    /// single text, number or boolean, too, if that is the whole part. This is Postgres' `@>`, on both engines.
    ///
    /// On Postgres an index `USING gin (column jsonb_path_ops)` makes it fast; on SQLite every row is read.
    ///
    /// ```
    /// # use shared::prelude::*;
    /// # use shared::entity::Json;
    /// # #[derive(Debug, Clone, Serialize, Deserialize)]
    /// # struct Allergy { substance: String, severe: bool }
    /// # #[derive(Debug, Entity)]
    /// # #[entity(table = "charts")]
    /// # struct Chart { #[entity(id)] id: Uuid, allergies: Json<Vec<Allergy>> }
    /// #[derive(Serialize)]
    /// struct To { substance: &'static str }
    ///
    /// let filter = Chart::ALLERGIES.contains_json(&[To { substance: "penicillin" }]);
    /// ```
    pub fn contains_json(self, part: &impl Serialize) -> Filter<E>
    where
        T: Document,
    {
        Filter::new(Node::Contains {
            column: self.name,
            negated: false,
            nullable: T::NULLABLE,
            part: Arc::new(Part::of(part)),
        })
    }
}

/// A column of texts whose case does not matter; see [`Column::ignore_ascii_case`].
pub struct IgnoreAsciiCase<E, T>(Column<E, T>);

impl<E, T> Clone for IgnoreAsciiCase<E, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E, T> Copy for IgnoreAsciiCase<E, T> {}

impl<E, T> fmt::Debug for IgnoreAsciiCase<E, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IgnoreAsciiCase").field(&self.0).finish()
    }
}

impl<E, T: Searchable> IgnoreAsciiCase<E, T> {
    /// Rows whose text is this one.
    pub fn eq(self, text: &str) -> Filter<E> {
        self.matches(Pattern::new().text(text))
    }

    /// Rows whose text matches a pattern; see [`Column::like`].
    pub fn like(self, pattern: &str) -> Filter<E> {
        self.matches(Pattern::parse(pattern))
    }

    /// Rows whose text starts like this. No character has a meaning of its own.
    pub fn starts_with(self, text: &str) -> Filter<E> {
        self.matches(Pattern::new().text(text).any())
    }

    /// Rows whose text ends like this. No character has a meaning of its own.
    pub fn ends_with(self, text: &str) -> Filter<E> {
        self.matches(Pattern::new().any().text(text))
    }

    /// Rows whose text has this in it. No character has a meaning of its own.
    pub fn contains(self, text: &str) -> Filter<E> {
        self.matches(Pattern::new().any().text(text).any())
    }

    fn matches(self, pattern: Pattern) -> Filter<E> {
        self.0.matches(pattern.ignoring_case())
    }
}
