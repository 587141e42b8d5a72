//! Typed columns: `Appointment::STATUS.eq(Status::Booked)`.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::def::ColumnType;
use super::filter::{Comparison, Filter, Node};
use super::into_value::IntoValue;
use super::value::{Comparable, EntityValue};

/// A column of an entity, and the type of its values. The derive makes a constant of each.
///
/// Comparisons follow Rust's logic, not SQL's: `ne` is exactly what `eq` is not, also where the column is NULL.
///
/// A column that refers to another entity names it as `R`; see [`Repo::load_many`](super::Repo::load_many).
pub struct Column<E, T, R = ()> {
    pub(super) name: &'static str,
    pub(super) get: Option<fn(&E) -> &T>,
    of: PhantomData<fn() -> R>,
}

impl<E, T, R> Clone for Column<E, T, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E, T, R> Copy for Column<E, T, R> {}

impl<E, T, R> fmt::Debug for Column<E, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Column({})", self.name)
    }
}

impl<E, T> Column<E, T> {
    /// For generated code: `name` goes into SQL.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, get: None, of: PhantomData }
    }
}

impl<E, T, R> Column<E, T, R> {
    /// For generated code: a column that holds the id of an `R`.
    #[doc(hidden)]
    #[must_use]
    pub const fn reference(name: &'static str, get: fn(&E) -> &T) -> Self {
        Self { name, get: Some(get), of: PhantomData }
    }

    /// The column's name in the table.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

// the bounds are on the methods: there, and only there, the compiler prints their own messages
impl<E, T, R> Column<E, T, R> {
    fn compare(self, comparison: Comparison, value: impl IntoValue<T>) -> Filter<E>
    where
        T: Comparable,
    {
        let value = value.into_value();
        Filter::new(match (value.is_null(), comparison) {
            (true, Comparison::Eq) => Node::Null { column: self.name, negated: false },
            (true, Comparison::Ne) => Node::Null { column: self.name, negated: true },
            // nothing is less than, or greater than, no value
            (true, _) => Node::Constant(false),
            (false, comparison) => Node::Compare {
                column: self.name,
                comparison,
                or_null: T::NULLABLE && comparison == Comparison::Ne,
                nullable: T::NULLABLE,
                value: Arc::new(value),
            },
        })
    }

    /// Rows whose value is this one. `None` finds NULL.
    pub fn eq(self, value: impl IntoValue<T>) -> Filter<E>
    where
        T: Comparable,
    {
        self.compare(Comparison::Eq, value)
    }

    /// Rows whose value is another one, or NULL. `None` finds what is not NULL.
    pub fn ne(self, value: impl IntoValue<T>) -> Filter<E>
    where
        T: Comparable,
    {
        self.compare(Comparison::Ne, value)
    }

    /// Rows whose value is less.
    pub fn lt(self, value: impl IntoValue<T>) -> Filter<E>
    where
        T: Comparable,
    {
        self.compare(Comparison::Lt, value)
    }

    /// Rows whose value is less or equal.
    pub fn le(self, value: impl IntoValue<T>) -> Filter<E>
    where
        T: Comparable,
    {
        self.compare(Comparison::Le, value)
    }

    /// Rows whose value is greater.
    pub fn gt(self, value: impl IntoValue<T>) -> Filter<E>
    where
        T: Comparable,
    {
        self.compare(Comparison::Gt, value)
    }

    /// Rows whose value is greater or equal.
    pub fn ge(self, value: impl IntoValue<T>) -> Filter<E>
    where
        T: Comparable,
    {
        self.compare(Comparison::Ge, value)
    }

    /// Rows whose value is one of these; none of them when there are none. `None` among them does not find NULL.
    pub fn in_<V: IntoValue<T>>(self, values: impl IntoIterator<Item = V>) -> Filter<E>
    where
        T: Comparable,
    {
        let values: Vec<T> = values.into_iter().map(V::into_value).filter(|value| !value.is_null()).collect();
        if values.is_empty() {
            return Filter::new(Node::Constant(false));
        }
        Filter::new(Node::In { column: self.name, negated: false, nullable: T::NULLABLE, values: Arc::new(values) })
    }

    /// Rows whose value is none of these, or NULL; all rows when there are none. The exact opposite of
    /// [`in_`](Self::in_).
    pub fn not_in<V: IntoValue<T>>(self, values: impl IntoIterator<Item = V>) -> Filter<E>
    where
        T: Comparable,
    {
        !self.in_(values)
    }

    /// Rows whose value is from `low` to `high`, both included; none when `low` is greater. For a span of time that
    /// ends where the next one begins, say `.ge(start) & ….lt(end)`.
    pub fn between(self, low: impl IntoValue<T>, high: impl IntoValue<T>) -> Filter<E>
    where
        T: Comparable,
    {
        self.ge(low) & self.le(high)
    }

    /// Smallest first, NULL last.
    #[must_use]
    pub fn asc(self) -> Order<E>
    where
        T: Comparable,
    {
        self.order(false)
    }

    /// Greatest first, NULL first.
    #[must_use]
    pub fn desc(self) -> Order<E>
    where
        T: Comparable,
    {
        self.order(true)
    }

    fn order(self, descending: bool) -> Order<E>
    where
        T: EntityValue,
    {
        Order { by: OrderBy { column: self.name, ty: T::TYPE, descending, nullable: T::NULLABLE }, of: PhantomData }
    }
}

impl<E, T: EntityValue, R> Column<E, Option<T>, R> {
    /// Rows without a value.
    pub fn is_null(self) -> Filter<E> {
        Filter::new(Node::Null { column: self.name, negated: false })
    }

    /// Rows with a value.
    pub fn is_not_null(self) -> Filter<E> {
        Filter::new(Node::Null { column: self.name, negated: true })
    }
}

/// How rows are sorted; see [`Column::asc`] and [`Column::desc`].
pub struct Order<E> {
    pub(super) by: OrderBy,
    of: PhantomData<fn() -> E>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct OrderBy {
    pub(super) column: &'static str,
    pub(super) ty: ColumnType,
    pub(super) descending: bool,
    pub(super) nullable: bool,
}

impl<E> Clone for Order<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Order<E> {}

impl<E> fmt::Debug for Order<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.by.fmt(f)
    }
}
