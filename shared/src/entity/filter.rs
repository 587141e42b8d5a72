//! Which rows: conditions on columns, joined by `&`, `|` and `!`.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{BitAnd, BitOr, Not};
use std::sync::Arc;

use super::containment::Part;
use super::pattern::Pattern;
use super::statement::Statement;
use super::value::EntityValue;
use crate::db::{Args, Engine};

/// A condition on the rows of an entity.
///
/// ```
/// # use shared::prelude::*;
/// # #[derive(Debug, Entity)]
/// # #[entity(table = "patients")]
/// # struct Patient { #[entity(id)] id: Uuid, age: i32, ward: Option<String> }
/// let adults = Patient::AGE.ge(18) & (Patient::WARD.eq("icu") | Patient::WARD.is_null());
/// assert_eq!(format!("{adults:?}"), "(age >= ‹value› & (ward = ‹value› | ward is null))");
/// assert_eq!(format!("{:?}", !adults), "(age < ‹value› | (ward <> ‹value› & ward is not null))");
/// ```
///
/// `!filter` holds for exactly those rows for which `filter` does not: unlike in SQL, NULL is no third answer.
/// Its `Debug` form shows columns, never values.
#[must_use = "a filter does nothing until a query uses it"]
pub struct Filter<E> {
    pub(super) node: Node,
    of: PhantomData<fn() -> E>,
}

impl<E> Clone for Filter<E> {
    fn clone(&self) -> Self {
        Self::new(self.node.clone())
    }
}

impl<E> fmt::Debug for Filter<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

impl<E> Filter<E> {
    pub(super) fn new(node: Node) -> Self {
        Self { node, of: PhantomData }
    }

    /// Every row: to say in so many words that `update_where` or `delete_where` means all of them.
    pub fn all_rows() -> Self {
        Self::new(Node::Constant(true))
    }

    /// Rows for which all of these hold; every row when there are none.
    pub fn all_of(filters: impl IntoIterator<Item = Self>) -> Self {
        Self::joined(filters, true)
    }

    /// Rows for which at least one of these holds; no row when there are none.
    ///
    /// ```
    /// # use shared::prelude::*;
    /// # use shared::entity::Filter;
    /// # #[derive(Debug, Entity)]
    /// # #[entity(table = "drugs")]
    /// # struct Drug { #[entity(id)] id: Uuid, name: String }
    /// let found = Filter::any_of(["aspirin", "ibuprofen"].map(|name| Drug::NAME.starts_with(name)));
    /// ```
    pub fn any_of(filters: impl IntoIterator<Item = Self>) -> Self {
        Self::joined(filters, false)
    }

    fn joined(filters: impl IntoIterator<Item = Self>, all: bool) -> Self {
        let nodes = filters.into_iter().map(|filter| filter.node);
        Self::new(nodes.reduce(|first, second| Node::join(first, second, all)).unwrap_or(Node::Constant(all)))
    }
}

impl<E> BitAnd for Filter<E> {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self::new(Node::join(self.node, other.node, true))
    }
}

impl<E> BitOr for Filter<E> {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self::new(Node::join(self.node, other.node, false))
    }
}

impl<E> Not for Filter<E> {
    type Output = Self;

    fn not(self) -> Self {
        Self::new(self.node.negate())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Comparison {
    fn sql(self) -> &'static str {
        match self {
            Self::Eq => " = ",
            Self::Ne => " <> ",
            Self::Lt => " < ",
            Self::Le => " <= ",
            Self::Gt => " > ",
            Self::Ge => " >= ",
        }
    }

    fn negate(self) -> Self {
        match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Lt => Self::Ge,
            Self::Le => Self::Gt,
            Self::Gt => Self::Le,
            Self::Ge => Self::Lt,
        }
    }
}

/// A condition without its entity's type. Negation is pushed down to the leaves, where it knows about NULL.
#[derive(Clone)]
pub(super) enum Node {
    Constant(bool),
    Null { column: &'static str, negated: bool },
    Compare { column: &'static str, comparison: Comparison, or_null: bool, nullable: bool, value: Arc<dyn Operand> },
    In { column: &'static str, negated: bool, nullable: bool, values: Arc<dyn Operands> },
    Match { column: &'static str, negated: bool, nullable: bool, pattern: Pattern },
    Contains { column: &'static str, negated: bool, nullable: bool, part: Arc<Part> },
    Join { all: bool, nodes: Vec<Node> },
}

/// A value of some column type.
pub(super) trait Operand: Send + Sync {
    fn bind(&self, args: &mut Args);
}

impl<T: EntityValue> Operand for T {
    fn bind(&self, args: &mut Args) {
        EntityValue::bind(self, args);
    }
}

/// Values of some column type.
pub(super) trait Operands: Send + Sync {
    fn bind_array(&self, args: &mut Args);
    fn each(&self) -> Box<dyn Iterator<Item = &dyn Operand> + '_>;
}

impl<T: EntityValue> Operands for Vec<T> {
    fn bind_array(&self, args: &mut Args) {
        T::bind_array(self.iter().map(Some), args);
    }

    fn each(&self) -> Box<dyn Iterator<Item = &dyn Operand> + '_> {
        Box::new(self.iter().map(|value| value as &dyn Operand))
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(value) => write!(f, "{value}"),
            Self::Null { column, negated: false } => write!(f, "{column} is null"),
            Self::Null { column, negated: true } => write!(f, "{column} is not null"),
            Self::Compare { column, comparison, .. } => write!(f, "{column}{}‹value›", comparison.sql()),
            Self::In { column, negated: false, .. } => write!(f, "{column} in ‹values›"),
            Self::In { column, negated: true, .. } => write!(f, "{column} not in ‹values›"),
            Self::Match { column, negated: false, .. } => write!(f, "{column} like ‹pattern›"),
            Self::Match { column, negated: true, .. } => write!(f, "{column} not like ‹pattern›"),
            Self::Contains { column, negated: false, .. } => write!(f, "{column} contains ‹value›"),
            Self::Contains { column, negated: true, .. } => write!(f, "not {column} contains ‹value›"),
            Self::Join { all, nodes } => {
                f.write_str("(")?;
                for (i, node) in nodes.iter().enumerate() {
                    if i > 0 {
                        f.write_str(if *all { " & " } else { " | " })?;
                    }
                    node.fmt(f)?;
                }
                f.write_str(")")
            }
        }
    }
}

impl Node {
    /// Both, or one of two. Chains of the same kind stay flat.
    pub(super) fn join(first: Self, second: Self, all: bool) -> Self {
        let mut nodes = Vec::new();
        for node in [first, second] {
            match node {
                Self::Join { all: same, nodes: inner } if same == all => nodes.extend(inner),
                node => nodes.push(node),
            }
        }
        Self::Join { all, nodes }
    }

    fn negate(self) -> Self {
        match self {
            Self::Constant(value) => Self::Constant(!value),
            Self::Null { column, negated } => Self::Null { column, negated: !negated },
            Self::Compare { column, comparison, or_null, nullable, value } => Self::Compare {
                column,
                comparison: comparison.negate(),
                or_null: nullable && !or_null,
                nullable,
                value,
            },
            Self::In { column, negated, nullable, values } => Self::In { column, negated: !negated, nullable, values },
            Self::Match { column, negated, nullable, pattern } => {
                Self::Match { column, negated: !negated, nullable, pattern }
            }
            Self::Contains { column, negated, nullable, part } => {
                Self::Contains { column, negated: !negated, nullable, part }
            }
            Self::Join { all, nodes } => Self::Join { all: !all, nodes: nodes.into_iter().map(Self::negate).collect() },
        }
    }

    pub(super) fn render(&self, statement: &mut Statement) {
        match self {
            Self::Constant(value) => statement.push(if *value { "(1 = 1)" } else { "(1 = 0)" }),
            Self::Null { column, negated } => {
                statement.name(column);
                statement.push(if *negated { " IS NOT NULL" } else { " IS NULL" });
            }
            Self::Compare { column, comparison, or_null, value, .. } => {
                leaf(statement, column, *or_null, |statement| {
                    statement.name(column);
                    statement.push(comparison.sql());
                    value.bind(statement.placeholder());
                })
            }
            Self::In { column, negated, nullable, values } => {
                leaf(statement, column, *negated && *nullable, |statement| {
                    render_in(statement, column, *negated, &**values)
                });
            }
            Self::Match { column, negated, nullable, pattern } => {
                leaf(statement, column, *negated && *nullable, |statement| {
                    pattern.render(column, *negated, statement);
                });
            }
            Self::Contains { column, negated, nullable, part } => {
                leaf(statement, column, *negated && *nullable, |statement| {
                    if *negated {
                        statement.push("NOT ");
                    }
                    statement.push("(");
                    part.render(column, statement);
                    statement.push(")");
                });
            }
            Self::Join { all, nodes } => {
                statement.push("(");
                for (i, node) in nodes.iter().enumerate() {
                    if i > 0 {
                        statement.push(if *all { " AND " } else { " OR " });
                    }
                    node.render(statement);
                }
                statement.push(")");
            }
        }
    }
}

fn leaf(statement: &mut Statement, column: &str, or_null: bool, render: impl FnOnce(&mut Statement)) {
    if !or_null {
        return render(statement);
    }
    statement.push("(");
    render(statement);
    statement.push(" OR ");
    statement.name(column);
    statement.push(" IS NULL)");
}

/// SQLite's limit of parameters (<https://www.sqlite.org/limits.html>), less some for the rest of the statement.
pub(super) const SQLITE_MAX_LIST: usize = 32_000;

fn render_in(statement: &mut Statement, column: &str, negated: bool, values: &dyn Operands) {
    statement.name(column);
    match statement.engine() {
        // one array parameter: the statement's text is the same for any number of values
        Engine::Postgres => {
            statement.push(if negated { " <> ALL(" } else { " = ANY(" });
            values.bind_array(statement.placeholder());
        }
        Engine::Sqlite => {
            statement.push(if negated { " NOT IN (" } else { " IN (" });
            for (i, value) in values.each().enumerate() {
                if i == SQLITE_MAX_LIST {
                    statement
                        .args
                        .fail("more than 32,000 values in one `in_`, which SQLite cannot take; split the list");
                    break;
                }
                if i > 0 {
                    statement.push(", ");
                }
                value.bind(statement.placeholder());
            }
        }
    }
    statement.push(")");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::Column;

    struct E;
    const NAME: Column<E, Option<String>> = Column::new("name");
    const AGE: Column<E, i32> = Column::new("age");

    fn sql(filter: &Filter<E>, engine: Engine) -> (String, usize) {
        let mut statement = Statement::new(engine);
        filter.node.render(&mut statement);
        (statement.sql, statement.args.len())
    }

    #[cfg(feature = "postgres")]
    fn postgres(filter: &Filter<E>) -> (String, usize) {
        sql(filter, Engine::Postgres)
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn postgres_gets_numbered_parameters_and_arrays() {
        let filter = (AGE.ge(18) & AGE.lt(65)) | NAME.eq("x");
        assert_eq!(postgres(&filter), ("((\"age\" >= $1 AND \"age\" < $2) OR \"name\" = $3)".into(), 3));
        assert_eq!(postgres(&AGE.in_([1, 2])), ("\"age\" = ANY($1)".into(), 1));
        assert_eq!(postgres(&NAME.starts_with("a%")), ("\"name\" LIKE $1".into(), 1));
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn sqlite_gets_bare_parameters_and_lists() {
        assert_eq!(sql(&AGE.in_([1, 2]), Engine::Sqlite), ("\"age\" IN (?, ?)".into(), 2));
        assert_eq!(sql(&NAME.contains("a"), Engine::Sqlite), ("\"name\" GLOB ?".into(), 1));
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn not_is_the_exact_opposite_also_for_null() {
        assert_eq!(postgres(&!AGE.lt(3)).0, "\"age\" >= $1");
        assert_eq!(postgres(&NAME.ne("x")).0, "(\"name\" <> $1 OR \"name\" IS NULL)");
        assert_eq!(postgres(&!NAME.eq("x")).0, "(\"name\" <> $1 OR \"name\" IS NULL)");
        assert_eq!(postgres(&!NAME.ne("x")).0, "\"name\" = $1");
        assert_eq!(postgres(&!!NAME.lt("x")).0, "\"name\" < $1");
        assert_eq!(postgres(&!NAME.lt("x")).0, "(\"name\" >= $1 OR \"name\" IS NULL)");
        assert_eq!(postgres(&!NAME.in_(["x"])).0, "(\"name\" <> ALL($1) OR \"name\" IS NULL)");
        assert_eq!(postgres(&!(AGE.eq(1) & NAME.is_null())).0, "(\"age\" <> $1 OR \"name\" IS NOT NULL)");
        assert_eq!(postgres(&NAME.eq(None)).0, "\"name\" IS NULL");
        assert_eq!(postgres(&AGE.in_(Vec::<i32>::new())).0, "(1 = 0)");
    }

    #[test]
    fn a_printed_filter_shows_no_value() {
        let text = format!("{:?}", NAME.eq("sentinel") | NAME.like("sentinel") | NAME.in_(["sentinel"]));
        assert!(!text.contains("sentinel"), "{text}");
        assert!(text.contains("name"), "{text}");
    }
}
