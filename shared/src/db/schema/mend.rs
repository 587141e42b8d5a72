//! The SQL that mends a difference.

use super::declared::Declared;
use super::difference::Mend;
use super::sql::{CreateTable, quote, statements, tokens};
use super::table::{Column, Key, Table};
use crate::db::Engine;

/// What is needed to mend one table.
pub(super) struct Mending<'a> {
    pub(super) declared: &'a Declared,
    pub(super) found: Option<&'a Table>,
    pub(super) engine: Engine,
}

fn columns_of(key: &Key) -> String {
    format!("({})", key.columns.iter().map(|column| quote(column)).collect::<Vec<_>>().join(", "))
}

/// The SQL, and whether it makes the whole table anew.
type Made = (Mend, bool);

const ROWS: &str =
    "it fails while there are rows: give it a value for them, by a DEFAULT or by an UPDATE before it must have one";
const REWRITES: &str = "it rewrites the table and blocks it meanwhile, and fails when a value does not fit the type";
const NULLS: &str = "it fails while rows have no value there";
const EQUAL: &str = "it fails while rows are equal there";
const BREAKS: &str = "it fails while rows break it";
const WANTED: &str = "somebody may want it: the entity does not know it";
const LOCKS: &str = "it blocks writes while it is built: on a large table create it by hand with CONCURRENTLY before";
const ANEW: &str = "it makes the table anew, copies its rows, and fails when one does not fit; run it with foreign keys off, \
                    as a migration does";

impl Mending<'_> {
    fn table(&self) -> String {
        self.declared.name.quoted()
    }

    fn alter(&self, what: &str) -> String {
        format!("ALTER TABLE {} {what};\n", self.table())
    }

    fn safe(sql: String) -> Made {
        (Mend::Safe(sql), false)
    }

    fn careful(sql: String, why: &'static str) -> Made {
        (Mend::Careful { sql, why }, false)
    }

    pub(super) fn column_missing(&self, column: &Column) -> Made {
        let item = self.declared.create.column(&column.name).map_or_else(String::new, |item| item.text.clone());
        let sql = self.alter(&format!("ADD COLUMN {item}"));
        match (self.engine, column.nullable) {
            (_, true) => Self::safe(sql),
            (Engine::Postgres, false) => Self::careful(sql, ROWS),
            // SQLite adds none that must have a value
            (Engine::Sqlite, false) => self.anew(),
        }
    }

    pub(super) fn column_differs(&self, column: &Column, live: &Column) -> Made {
        if self.engine == Engine::Sqlite {
            return self.anew();
        }
        let name = quote(&column.name);
        let mut sql = String::new();
        let mut why = None;
        if column.ty != live.ty {
            let plain = column.ty.split(" COLLATE ").next().unwrap_or(&column.ty);
            sql += &self.alter(&format!("ALTER COLUMN {name} TYPE {} USING {name}::{plain}", column.ty));
            why = Some(REWRITES);
        }
        match (column.nullable, live.nullable) {
            (true, false) => sql += &self.alter(&format!("ALTER COLUMN {name} DROP NOT NULL")),
            (false, true) => {
                sql += &self.alter(&format!("ALTER COLUMN {name} SET NOT NULL"));
                why = why.or(Some(NULLS));
            }
            _ => {}
        }
        match why {
            Some(why) => Self::careful(sql, why),
            None => Self::safe(sql),
        }
    }

    /// A column that the entity does not know must do without it.
    pub(super) fn column_required(&self, live: &Column) -> Made {
        match self.engine {
            Engine::Postgres => Self::safe(self.alter(&format!("ALTER COLUMN {} DROP NOT NULL", quote(&live.name)))),
            Engine::Sqlite => {
                let sql = self.alter(&format!("DROP COLUMN {}", quote(&live.name)));
                Self::careful(sql, "it drops the column with its values, which the entity does not know")
            }
        }
    }

    pub(super) fn primary_key(&self) -> Made {
        if self.engine == Engine::Sqlite {
            return self.anew();
        }
        let mut sql = String::new();
        if let Some(name) = self.found.and_then(|found| found.primary_key_name.as_deref()) {
            sql += &self.alter(&format!("DROP CONSTRAINT {}", quote(name)));
        }
        let name = self.declared.table.primary_key_name.as_deref().unwrap_or_default();
        sql += &self.add(name);
        Self::careful(sql, EQUAL)
    }

    /// A constraint as it is declared, put into the table.
    fn add(&self, name: &str) -> String {
        let item = self.declared.create.constraint(name).map_or_else(String::new, |item| item.text.clone());
        self.alter(&format!("ADD {item}"))
    }

    /// The statement of the declaration that makes an index.
    fn index(&self, name: &str) -> Option<String> {
        statements(&self.declared.ddl, self.engine)
            .into_iter()
            .find(|statement| {
                let tokens = tokens(statement.text, self.engine);
                let head: Vec<_> = tokens.iter().take_while(|token| !token.is("ON")).collect();
                head.iter().any(|token| token.is("INDEX")) && head.last().is_some_and(|token| token.name() == name)
            })
            .map(|statement| format!("{};\n", statement.text))
    }

    pub(super) fn key(&self, key: &Key, same_name: Option<&Key>) -> Made {
        let mut sql = String::new();
        match same_name {
            Some(live) if live.constraint && self.engine == Engine::Sqlite => return self.anew(),
            Some(live) => sql += &self.drop_key(live),
            None => {}
        }
        match self.index(&key.name) {
            Some(index) => sql += &index,
            None if self.engine == Engine::Postgres => sql += &self.add(&key.name),
            None => {
                // what a constraint of a new table does, an index does for one that is there
                let (name, columns) = (quote(&self.name_of(key)), columns_of(key));
                sql += &format!("CREATE UNIQUE INDEX {name} ON {} {columns};\n", self.table());
            }
        }
        match (key.unique, self.engine) {
            (true, _) => Self::careful(sql, EQUAL),
            (false, Engine::Postgres) => Self::careful(sql, LOCKS),
            (false, Engine::Sqlite) => Self::safe(sql),
        }
    }

    /// The name that is declared: SQLite makes up those of the indexes behind constraints.
    pub(super) fn name_of(&self, key: &Key) -> String {
        if self.engine == Engine::Postgres || !key.constraint {
            return key.name.clone();
        }
        let columns = columns_of(key);
        let item = self.declared.create.items.iter().find(|item| !item.is_column && item.text.ends_with(&columns));
        item.and_then(|item| item.name.clone()).unwrap_or_else(|| format!("{}_key", key.columns.join("_")))
    }

    fn drop_key(&self, live: &Key) -> String {
        if live.constraint {
            return self.alter(&format!("DROP CONSTRAINT {}", quote(&live.name)));
        }
        match &self.declared.name.schema {
            Some(schema) => format!("DROP INDEX {}.{};\n", quote(schema), quote(&live.name)),
            None => format!("DROP INDEX {};\n", quote(&live.name)),
        }
    }

    pub(super) fn key_renamed(&self, key: &Key, live: &Key) -> Made {
        if live.constraint {
            return self.constraint_renamed(&key.name, &live.name);
        }
        let schema = self.declared.name.schema.as_ref().map_or_else(String::new, |schema| quote(schema) + ".");
        Self::safe(format!("ALTER INDEX {schema}{} RENAME TO {};\n", quote(&live.name), quote(&key.name)))
    }

    pub(super) fn key_extra(&self, live: &Key) -> Made {
        match (self.engine, live.constraint) {
            (Engine::Sqlite, true) => self.anew(),
            _ => Self::careful(self.drop_key(live), WANTED),
        }
    }

    /// A foreign key or check.
    pub(super) fn constraint(&self, declared: Option<&str>, other: Option<&str>) -> Made {
        let (Engine::Postgres, Some(name)) = (self.engine, declared) else { return self.anew() };
        let dropped = other.map(|other| self.alter(&format!("DROP CONSTRAINT {}", quote(other)))).unwrap_or_default();
        Self::careful(dropped + &self.add(name), BREAKS)
    }

    pub(super) fn constraint_renamed(&self, declared: &str, found: &str) -> Made {
        Self::safe(self.alter(&format!("RENAME CONSTRAINT {} TO {}", quote(found), quote(declared))))
    }

    pub(super) fn constraint_extra(&self, found: Option<&str>) -> Made {
        match (self.engine, found) {
            (Engine::Postgres, Some(name)) => {
                Self::careful(self.alter(&format!("DROP CONSTRAINT {}", quote(name))), WANTED)
            }
            _ => self.anew(),
        }
    }

    /// SQLite changes little of a table that is there: it is made anew, with everything that the entity does not know
    /// (<https://www.sqlite.org/lang_altertable.html#otheralter>).
    pub(super) fn anew(&self) -> Made {
        let Some(found) = self.found else { return Self::safe(self.declared.ddl.clone()) };
        let new = quote(&format!("{}__new", self.declared.name.table));
        let create = &self.declared.create;
        let expected = &self.declared.table;
        let live = found.made_by.as_deref().and_then(|sql| CreateTable::parse(sql, self.engine));
        let unknown =
            found.columns.iter().filter(|column| !expected.columns.iter().any(|known| known.name == column.name));
        let kept: Vec<(String, String)> = unknown
            .filter_map(|column| {
                let item = live.as_ref()?.column(&column.name)?.text.clone();
                Some((quote(&column.name), item))
            })
            .collect();
        // columns come before constraints
        let (columns, constraints): (Vec<_>, Vec<_>) = create.items.iter().partition(|item| item.is_column);
        let items: Vec<&str> = columns
            .iter()
            .map(|item| item.text.as_str())
            .chain(kept.iter().map(|(_, item)| item.as_str()))
            .chain(constraints.iter().map(|item| item.text.as_str()))
            .collect();
        let options = if create.options.is_empty() { String::new() } else { format!(" {}", create.options) };
        let mut sql = format!("CREATE TABLE {new} (\n    {}\n){options};\n", items.join(",\n    "));
        let (mut into, mut from) = (Vec::new(), Vec::new());
        for column in &expected.columns {
            let there = found.columns.iter().any(|live| live.name == column.name);
            if there || !column.nullable {
                into.push(quote(&column.name));
                // rows without the value that they must have stop it
                from.push(if there { quote(&column.name) } else { "NULL".to_owned() });
            }
        }
        for (name, _) in &kept {
            into.push(name.clone());
            from.push(name.clone());
        }
        let table = self.table();
        sql += &format!("INSERT INTO {new} ({}) SELECT {} FROM {table};\n", into.join(", "), from.join(", "));
        sql += &format!("DROP TABLE {table};\nALTER TABLE {new} RENAME TO {table};\n");
        let mut declared: Vec<String> = Vec::new();
        for key in &expected.keys {
            if let Some(index) = self.index(&key.name) {
                declared.push(key.name.clone());
                sql += &index;
            }
        }
        for (name, belonging) in found.belongings.iter().filter(|(name, _)| !declared.contains(name)) {
            sql += &format!("-- `{name}` is not declared\n{belonging};\n");
        }
        (Mend::Careful { sql, why: ANEW }, true)
    }
}
