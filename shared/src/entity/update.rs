//! The texts of updates: they name the columns that are set, and no other ones.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use super::def::{EntityDef, quoted_table};
use super::statement::{placeholder, quoted};
use crate::db::{Engine, SqlText};

/// Some of an entity's columns, by their place in [`EntityDef::columns`], in the order in which they are set.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
pub(super) struct Columns {
    /// A bit for each of those that come in the entity's order: all of them, unless it has very many.
    first: u128,
    others: Vec<usize>,
}

impl Columns {
    pub(super) fn push(&mut self, column: usize) {
        if column < 128 && self.first >> column == 0 && self.others.is_empty() {
            self.first |= 1 << column;
        } else {
            self.others.push(column);
        }
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        let first = (0..128).filter(|column| self.first >> column & 1 == 1);
        first.chain(self.others.iter().copied())
    }
}

/// `UPDATE … SET …` with the columns, when and by whom, and the version; and how many arguments that takes.
pub(super) fn set(def: &EntityDef, engine: Engine, columns: &Columns) -> (String, usize) {
    let (mut sql, mut arguments) = (String::with_capacity(512), 0);
    sql.push_str("UPDATE ");
    quoted_table(&mut sql, engine, def.table);
    let columns = columns.iter().filter_map(|column| def.columns.get(column)).map(|column| column.name);
    for (i, column) in columns.chain(def.roles.updated_at).chain(def.roles.updated_by).enumerate() {
        sql.push_str(if i == 0 { " SET " } else { ", " });
        arguments += 1;
        equals(&mut sql, engine, column, arguments);
    }
    if let Some(column) = def.roles.version {
        sql.push_str(", ");
        quoted(&mut sql, column);
        sql.push_str(" = ");
        quoted(&mut sql, column);
        sql.push_str(" + 1");
    }
    (sql, arguments)
}

fn equals(sql: &mut String, engine: Engine, column: &str, argument: usize) {
    quoted(sql, column);
    sql.push_str(" = ");
    placeholder(sql, engine, argument);
}

/// The update of one row: after the arguments of [`set`] come its id, and its version if it has one. Joined once for
/// each set of columns.
pub(super) fn of_one_row(def: &'static EntityDef, engine: Engine, columns: Columns, with_deleted: bool) -> SqlText {
    // an address is enough: where two entities share one, they are equal
    type Key = (usize, Engine, Columns, bool);
    static TEXTS: LazyLock<RwLock<HashMap<Key, Arc<str>>>> = LazyLock::new(RwLock::default);
    // a program has far fewer; what comes from outside may set columns in any combination
    const MOST: usize = 4_096;

    let key = (std::ptr::from_ref(def).addr(), engine, columns, with_deleted);
    // texts are inserted whole
    if let Some(text) = TEXTS.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return SqlText::built(Arc::clone(text));
    }
    let text: Arc<str> = one_row(def, engine, &key.2, with_deleted).into();
    let mut texts = TEXTS.write().unwrap_or_else(PoisonError::into_inner);
    if texts.len() < MOST {
        texts.insert(key, Arc::clone(&text));
    }
    SqlText::built(text)
}

fn one_row(def: &EntityDef, engine: Engine, columns: &Columns, with_deleted: bool) -> String {
    let (mut sql, arguments) = set(def, engine, columns);
    sql.push_str(" WHERE ");
    equals(&mut sql, engine, def.roles.id, arguments + 1);
    if let Some(column) = def.roles.version {
        sql.push_str(" AND ");
        equals(&mut sql, engine, column, arguments + 2);
    }
    if let Some(column) = def.roles.deleted_at.filter(|_| !with_deleted) {
        sql.push_str(" AND ");
        quoted(&mut sql, column);
        sql.push_str(" IS NULL");
    }
    sql.push_str(" RETURNING ");
    sql.push_str(def.sql.columns);
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stay_in_the_order_in_which_they_are_set() {
        for order in [&[0, 5, 127, 128, 300][..], &[5, 0, 127], &[200, 3], &[4, 4]] {
            let mut columns = Columns::default();
            order.iter().for_each(|&column| columns.push(column));
            assert_eq!(columns.iter().collect::<Vec<_>>(), order);
            assert_ne!(columns, Columns::default());
        }
    }
}
