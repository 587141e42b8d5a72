//! Declared and live tables, part by part.

use super::declared::Declared;
use super::difference::{Difference, Mend, Part};
use super::mend::Mending;
use super::table::{Column, Key, Table};
use crate::db::Engine;

/// What differs. What is declared must be there; what is there besides must not be in the way.
pub(super) fn compare(declared: &Declared, found: Option<&Table>, engine: Engine) -> Vec<Difference> {
    let mending = Mending { declared, found, engine };
    let mut out = Out { declared, differences: Vec::new() };
    let Some(found) = found else {
        let mend = (Mend::Safe(declared.ddl.clone()), false);
        let expected = Some("a table".to_owned());
        out.push(Part::Table, &declared.name.to_string(), expected, None, mend);
        return out.differences;
    };
    let expected = &declared.table;
    if expected.strict && !found.strict {
        let (strict, loose) = (Some("STRICT".to_owned()), Some("not STRICT".to_owned()));
        out.push(Part::Table, &declared.name.to_string(), strict, loose, mending.anew());
    }
    columns(expected, found, &mending, &mut out);
    if expected.primary_key != found.primary_key {
        let name = expected.primary_key_name.clone().unwrap_or_else(|| "primary key".into());
        let describe = |columns: &[String]| Some(format!("({})", columns.join(", ")));
        let there = if found.primary_key.is_empty() { None } else { describe(&found.primary_key) };
        out.push(Part::PrimaryKey, &name, describe(&expected.primary_key), there, mending.primary_key());
    }
    keys(expected, found, &mending, &mut out);
    foreign_keys(expected, found, &mending, &mut out);
    checks(expected, found, &mending, &mut out);
    out.differences
}

struct Out<'a> {
    declared: &'a Declared,
    differences: Vec<Difference>,
}

impl Out<'_> {
    fn push(&mut self, part: Part, name: &str, expected: Option<String>, found: Option<String>, mend: (Mend, bool)) {
        let (mend, rebuilds) = mend;
        self.differences.push(Difference {
            entity: self.declared.entity.name,
            table: self.declared.name.to_string(),
            part,
            name: name.to_owned(),
            tolerable: expected.is_none(),
            expected,
            found,
            mend,
            rebuilds,
        });
    }

    /// The last one keeps nobody from working.
    fn tolerate(&mut self, tolerable: bool) {
        if let Some(last) = self.differences.last_mut() {
            last.tolerable = tolerable;
        }
    }
}

fn describe(column: &Column) -> String {
    format!("{}{}", column.ty, if column.nullable { "" } else { " NOT NULL" })
}

fn columns(expected: &Table, found: &Table, mending: &Mending<'_>, out: &mut Out<'_>) {
    for column in &expected.columns {
        let Some(live) = found.columns.iter().find(|live| live.name == column.name) else {
            out.push(Part::Column, &column.name, Some(describe(column)), None, mending.column_missing(column));
            continue;
        };
        if column.ty != live.ty || column.nullable != live.nullable {
            let mend = mending.column_differs(column, live);
            out.push(Part::Column, &column.name, Some(describe(column)), Some(describe(live)), mend);
        }
    }
    for live in &found.columns {
        let known = expected.columns.iter().any(|column| column.name == live.name);
        if !known && !live.nullable && !live.has_default {
            let without = format!("{} without a default, so that nothing can be inserted", describe(live));
            out.push(Part::Column, &live.name, None, Some(without), mending.column_required(live));
            out.tolerate(false);
        }
    }
}

fn keys(expected: &Table, found: &Table, mending: &Mending<'_>, out: &mut Out<'_>) {
    for key in &expected.keys {
        let part = if key.unique { Part::Unique } else { Part::Index };
        let name = mending.name_of(key);
        if let Some(live) = found.keys.iter().find(|live| live.serves(key)) {
            // errors name the fields of a unique key by its name
            if mending.engine == Engine::Postgres && key.unique && live.name != key.name {
                let named = |name: &str| Some(format!("named `{name}`"));
                out.push(part, &key.name, named(&key.name), named(&live.name), mending.key_renamed(key, live));
                out.tolerate(true);
            }
            continue;
        }
        let same_name = found.keys.iter().find(|live| live.name == name);
        let mend = mending.key(key, same_name);
        out.push(part, &name, Some(key.describe()), same_name.map(Key::describe), mend);
    }
    for live in found.keys.iter().filter(|live| live.unique) {
        let declared = expected.keys.iter().any(|key| live.serves(key) || live.name == mending.name_of(key));
        let primary = live.predicate.is_empty() && live.columns == expected.primary_key;
        if !declared && !primary {
            out.push(Part::Unique, &live.name, None, Some(live.describe()), mending.key_extra(live));
        }
    }
}

fn foreign_keys(expected: &Table, found: &Table, mending: &Mending<'_>, out: &mut Out<'_>) {
    for key in &expected.foreign_keys {
        let name = key.name.clone().unwrap_or_else(|| key.columns.join(", "));
        if let Some(live) = found.foreign_keys.iter().find(|live| live.is_like(key)) {
            if let (Some(declared), Some(there)) = (&key.name, &live.name)
                && declared != there
            {
                let named = |name: &str| Some(format!("named `{name}`"));
                let mend = mending.constraint_renamed(declared, there);
                out.push(Part::ForeignKey, declared, named(declared), named(there), mend);
                out.tolerate(true);
            }
            continue;
        }
        let other = found
            .foreign_keys
            .iter()
            .find(|live| live.columns == key.columns || live.name.is_some() && live.name == key.name);
        let mend = mending.constraint(key.name.as_deref(), other.and_then(|other| other.name.as_deref()));
        out.push(Part::ForeignKey, &name, Some(key.describe()), other.map(|other| other.describe()), mend);
    }
    for live in &found.foreign_keys {
        if !expected
            .foreign_keys
            .iter()
            .any(|key| key.columns == live.columns || live.name.is_some() && key.name == live.name)
        {
            let name = live.name.clone().unwrap_or_else(|| live.columns.join(", "));
            out.push(
                Part::ForeignKey,
                &name,
                None,
                Some(live.describe()),
                mending.constraint_extra(live.name.as_deref()),
            );
        }
    }
}

fn checks(expected: &Table, found: &Table, mending: &Mending<'_>, out: &mut Out<'_>) {
    for check in &expected.checks {
        let name = check.name.clone().unwrap_or_else(|| "check".into());
        if let Some(live) = found.checks.iter().find(|live| live.expression == check.expression) {
            if let (Some(declared), Some(there)) = (&check.name, &live.name)
                && declared != there
                && mending.engine == Engine::Postgres
            {
                let named = |name: &str| Some(format!("named `{name}`"));
                let mend = mending.constraint_renamed(declared, there);
                out.push(Part::Check, declared, named(declared), named(there), mend);
                out.tolerate(true);
            }
            continue;
        }
        let other = found.checks.iter().find(|live| live.name.is_some() && live.name == check.name);
        let mend = mending.constraint(check.name.as_deref(), other.and_then(|other| other.name.as_deref()));
        out.push(Part::Check, &name, Some(check.expression.clone()), other.map(|other| other.expression.clone()), mend);
    }
    for live in &found.checks {
        let declared = |check: &super::table::Check| {
            check.expression == live.expression || live.name.is_some() && check.name == live.name
        };
        if !expected.checks.iter().any(declared) {
            let name = live.name.clone().unwrap_or_else(|| "check".into());
            out.push(
                Part::Check,
                &name,
                None,
                Some(live.expression.clone()),
                mending.constraint_extra(live.name.as_deref()),
            );
        }
    }
}
