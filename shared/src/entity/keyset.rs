//! What comes after a row, in an order of several columns.

use std::fmt;

use super::column::OrderBy;
use super::def::EntityDef;
use super::statement::Statement;
use crate::db::raw::Raw;
use crate::error::{Error, Result};

/// The order that a query's rows come in, to the last of them: by the id at the end, so that rows that are equal in
/// everything else come in the same order every time.
pub(super) fn complete(of: &EntityDef, order: &[OrderBy]) -> Vec<OrderBy> {
    let id = of.id_column();
    let by_id = OrderBy { column: id.name, ty: id.shape.ty, descending: false, nullable: false };
    let mut complete: Vec<OrderBy> = Vec::with_capacity(order.len() + 1);
    for by in order.iter().copied().chain([by_id]) {
        let is_decided = complete.iter().any(|earlier| earlier.column == by.column || earlier.column == id.name);
        if !is_decided {
            complete.push(by);
        }
    }
    complete
}

/// The same order from its end. NULL is last ascending and first descending, so it changes places, too.
pub(super) fn reversed(order: &[OrderBy]) -> Vec<OrderBy> {
    order.iter().map(|by| OrderBy { descending: !by.descending, ..*by }).collect()
}

/// A place in an order: the values of its columns in some row, which need not be there any more.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Position(pub(super) Vec<Raw>);

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Position(‹values›)")
    }
}

impl Position {
    /// As bytes. Their number says little about the values.
    pub(super) fn encode(&self) -> Vec<u8> {
        const BLOCK: usize = 32;
        let mut bytes = Vec::new();
        for value in &self.0 {
            match value {
                None => bytes.push(0),
                Some(value) => {
                    bytes.push(1);
                    bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
                    bytes.extend_from_slice(value);
                }
            }
        }
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes
    }

    pub(super) fn decode(bytes: &[u8], order: &[OrderBy]) -> Result<Self> {
        let (mut rest, mut values) = (bytes, Vec::with_capacity(order.len()));
        for _ in order {
            let (tag, after) = rest.split_first().ok_or(Error::Cursor)?;
            rest = after;
            values.push(match tag {
                0 => None,
                _ => {
                    let (length, after) = rest.split_first_chunk().ok_or(Error::Cursor)?;
                    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| Error::Cursor)?;
                    let (value, after) = after.split_at_checked(length).ok_or(Error::Cursor)?;
                    rest = after;
                    Some(value.to_vec())
                }
            });
        }
        Ok(Self(values))
    }

    /// The condition of the rows that come after this position.
    pub(super) fn after(&self, order: &[OrderBy], statement: &mut Statement) {
        let steps: Vec<Step<'_>> = order.iter().zip(&self.0).map(|(by, value)| Step { by, value }).collect();
        let Some(first) = steps.first() else { return };
        let is_uniform = steps
            .iter()
            .all(|step| !step.by.nullable && step.value.is_some() && step.by.descending == first.by.descending);
        if is_uniform {
            // one comparison of rows: both engines find its place in an index
            return compare(&steps, first.by.descending, statement);
        }
        if !first.by.nullable && first.value.is_some() {
            // says nothing new, but bounds the scan of an index
            first.leaf(if first.by.descending { " <= " } else { " >= " }, statement);
            statement.push(" AND ");
        }
        beyond(&steps, statement);
    }
}

/// One column of the order, and its value at the position.
struct Step<'a> {
    by: &'a OrderBy,
    value: &'a Raw,
}

impl Step<'_> {
    fn leaf(&self, comparison: &str, statement: &mut Statement) {
        statement.name(self.by.column);
        statement.push(comparison);
        self.bind(statement);
    }

    fn bind(&self, statement: &mut Statement) {
        if let Some(value) = self.value {
            statement.placeholder().add_raw(value, self.by.ty);
        }
    }

    /// The rows whose column comes later.
    fn later(&self, statement: &mut Statement) {
        match (self.by.descending, self.value) {
            // NULL is last
            (false, None) => statement.push("(1 = 0)"),
            (false, Some(_)) if self.by.nullable => {
                statement.push("(");
                self.leaf(" > ", statement);
                statement.push(" OR ");
                statement.name(self.by.column);
                statement.push(" IS NULL)");
            }
            (false, Some(_)) => self.leaf(" > ", statement),
            // NULL is first
            (true, None) => {
                statement.name(self.by.column);
                statement.push(" IS NOT NULL");
            }
            (true, Some(_)) => self.leaf(" < ", statement),
        }
    }

    fn same(&self, statement: &mut Statement) {
        match self.value {
            Some(_) => self.leaf(" = ", statement),
            None => {
                statement.name(self.by.column);
                statement.push(" IS NULL");
            }
        }
    }
}

fn compare(steps: &[Step<'_>], descending: bool, statement: &mut Statement) {
    let list = |statement: &mut Statement, item: fn(&Step<'_>, &mut Statement)| {
        for (i, step) in steps.iter().enumerate() {
            statement.push(if i == 0 { "(" } else { ", " });
            item(step, statement);
        }
        statement.push(")");
    };
    list(statement, |step, statement| statement.name(step.by.column));
    statement.push(if descending { " < " } else { " > " });
    list(statement, |step, statement| step.bind(statement));
}

/// The first column decides; where it is the same, the others do.
fn beyond(steps: &[Step<'_>], statement: &mut Statement) {
    match steps {
        [] => {}
        [last] => last.later(statement),
        [first, rest @ ..] => {
            statement.push("(");
            first.later(statement);
            statement.push(" OR (");
            first.same(statement);
            statement.push(" AND ");
            beyond(rest, statement);
            statement.push("))");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(feature = "sqlite")]
    use crate::db::Engine;
    use crate::entity::ColumnType;

    fn by(column: &'static str, descending: bool, nullable: bool) -> OrderBy {
        OrderBy { column, ty: ColumnType::Text, descending, nullable }
    }

    #[cfg(feature = "sqlite")]
    fn after(order: &[OrderBy], values: &[Option<&str>]) -> String {
        let mut statement = Statement::new(Engine::Sqlite);
        Position(values.iter().map(|value| value.map(Into::into)).collect()).after(order, &mut statement);
        assert!(statement.args.failed.is_none());
        statement.sql
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn rows_of_one_direction_are_compared_at_once() {
        assert_eq!(after(&[by("a", false, false)], &[Some("x")]), "(\"a\") > (?)");
        let order = [by("a", true, false), by("b", true, false)];
        assert_eq!(after(&order, &[Some("x"), Some("y")]), "(\"a\", \"b\") < (?, ?)");
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn null_is_last_ascending_and_first_descending() {
        let order = [by("a", false, true), by("b", false, false)];
        assert_eq!(
            after(&order, &[Some("x"), Some("y")]),
            "((\"a\" > ? OR \"a\" IS NULL) OR (\"a\" = ? AND \"b\" > ?))"
        );
        assert_eq!(after(&order, &[None, Some("y")]), "((1 = 0) OR (\"a\" IS NULL AND \"b\" > ?))");
        let order = reversed(&order);
        assert_eq!(after(&order, &[Some("x"), Some("y")]), "(\"a\" < ? OR (\"a\" = ? AND \"b\" < ?))");
        assert_eq!(after(&order, &[None, Some("y")]), "(\"a\" IS NOT NULL OR (\"a\" IS NULL AND \"b\" < ?))");
        let mixed = [by("a", false, false), by("b", true, false)];
        assert_eq!(after(&mixed, &[Some("x"), Some("y")]), "\"a\" >= ? AND (\"a\" > ? OR (\"a\" = ? AND \"b\" < ?))");
    }

    #[test]
    fn a_position_survives_being_bytes() {
        let order = [by("a", false, true), by("b", false, true), by("c", false, true)];
        for values in [
            vec![None, None, None],
            vec![Some(vec![]), Some(vec![0]), None],
            vec![Some(vec![1; 100]), None, Some(vec![0; 9])],
        ] {
            let position = Position(values);
            let bytes = position.encode();
            assert_eq!(bytes.len() % 32, 0);
            assert!(Position::decode(&bytes, &order).is_ok_and(|decoded| decoded == position));
        }
        for bad in [&[][..], &[1], &[1, 255, 255, 255, 255, 255, 255, 255, 255], &[1, 2, 0, 0, 0, 0, 0, 0, 0, 7]] {
            assert!(matches!(Position::decode(bad, &order), Err(Error::Cursor)));
        }
    }
}
