//! Whether a JSON column contains a part: `@>` on Postgres, and the same meaning spelled out for SQLite.

use serde::Serialize;
use serde_json::{Number, Value};

use super::json::Json;
use super::statement::Statement;
use super::value::EntityValue;
use crate::db::Engine;

/// What is looked for.
pub(super) struct Part(Option<Value>);

/// How deep a part may be. SQLite needs a subquery for each level.
const MAX_DEPTH: usize = 16;
/// How many values it may have. SQLite needs a parameter for most of them.
const MAX_VALUES: usize = 1_000;

impl Part {
    pub(super) fn of(part: &impl Serialize) -> Self {
        Self(serde_json::to_value(part).ok())
    }

    /// A condition that is true, false or, for NULL, either false or NULL.
    pub(super) fn render(&self, column: &str, statement: &mut Statement) {
        let Some(part) = &self.0 else {
            statement.args.fail("what `contains_json` was given cannot be encoded; check its `Serialize`");
            return statement.push("(1 = 0)");
        };
        if let Some(why) = refused(part) {
            statement.args.fail(why);
        }
        match statement.engine() {
            Engine::Postgres => {
                statement.name(column);
                statement.push(" @> ");
                Json(part.clone()).bind(statement.placeholder());
            }
            Engine::Sqlite => whole(column, part, statement),
        }
    }
}

/// What one of the engines cannot compare is refused on both.
fn refused(part: &Value) -> Option<&'static str> {
    fn measure(part: &Value, depth: usize, values: &mut usize) -> Option<&'static str> {
        *values += 1;
        if depth > MAX_DEPTH || *values > MAX_VALUES {
            return Some(
                "what `contains_json` was given is too large: at most 1,000 values, 16 levels deep; look for less",
            );
        }
        match part {
            Value::Number(number) if number.is_u64() && number.as_i64().is_none() => {
                Some("a number in `contains_json` is beyond `i64`, which SQLite cannot compare")
            }
            Value::Array(items) => items.iter().find_map(|item| measure(item, depth + 1, values)),
            Value::Object(members) => members.values().find_map(|member| measure(member, depth + 1, values)),
            _ => None,
        }
    }
    measure(part, 1, &mut 0)
}

fn whole(column: &str, part: &Value, statement: &mut Statement) {
    let source = format!("\"{column}\"");
    let is = |statement: &mut Statement, form: &str| {
        statement.push("json_type(");
        statement.push(&source);
        statement.push(form);
    };
    statement.push("(");
    match part {
        Value::Object(_) => is(statement, ") = 'object'"),
        Value::Array(_) => is(statement, ") = 'array'"),
        // `json_each` of a value that is neither yields that value
        _ => is(statement, ") <> 'object'"),
    }
    match part {
        Value::Object(_) | Value::Array(_) => within(&source, part, 1, statement),
        value => exists(&source, None, value, 1, statement),
    }
    statement.push(")");
}

/// `AND …` for each member or item of the part.
fn within(source: &str, part: &Value, depth: usize, statement: &mut Statement) {
    match part {
        Value::Object(members) => {
            members.iter().for_each(|(key, member)| exists(source, Some(key), member, depth, statement));
        }
        Value::Array(items) => items.iter().for_each(|item| exists(source, None, item, depth, statement)),
        _ => {}
    }
}

/// `AND EXISTS (…)`: a member of this name, or an item, that contains the value.
fn exists(source: &str, key: Option<&str>, value: &Value, depth: usize, statement: &mut Statement) {
    let row = format!("j{depth}");
    statement.push(" AND EXISTS (SELECT 1 FROM json_each(");
    statement.push(source);
    statement.push(&format!(") AS {row} WHERE {row}.type"));
    match value {
        Value::Null => statement.push(" = 'null'"),
        Value::Bool(true) => statement.push(" = 'true'"),
        Value::Bool(false) => statement.push(" = 'false'"),
        Value::Number(_) => statement.push(" IN ('integer', 'real')"),
        Value::String(_) => statement.push(" = 'text'"),
        Value::Array(_) => statement.push(" = 'array'"),
        Value::Object(_) => statement.push(" = 'object'"),
    }
    if let Some(key) = key {
        statement.push(&format!(" AND {row}.key = "));
        statement.placeholder().add_text(key);
    }
    match value {
        Value::Number(number) => {
            statement.push(&format!(" AND {row}.atom = "));
            bind(number, statement);
        }
        Value::String(text) => {
            statement.push(&format!(" AND {row}.atom = "));
            statement.placeholder().add_text(text);
        }
        part => within(&format!("{row}.value"), part, depth + 1, statement),
    }
    statement.push(")");
}

fn bind(number: &Number, statement: &mut Statement) {
    match number.as_i64() {
        Some(number) => statement.value(&number),
        None => statement.value(&number.as_f64().unwrap_or_default()),
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use serde_json::json;

    use super::*;

    fn sqlite(part: Value) -> (String, usize) {
        let mut statement = Statement::new(Engine::Sqlite);
        Part::of(&part).render("c", &mut statement);
        (statement.sql, statement.args.len())
    }

    #[test]
    fn each_level_of_the_part_is_a_subquery() {
        assert_eq!(sqlite(json!({})), ("(json_type(\"c\") = 'object')".into(), 0));
        let text = "(json_type(\"c\") = 'object' AND EXISTS (SELECT 1 FROM json_each(\"c\") AS j1 WHERE j1.type = 'array' \
                    AND j1.key = ? AND EXISTS (SELECT 1 FROM json_each(j1.value) AS j2 WHERE j2.type = 'text' AND j2.atom = ?)))";
        assert_eq!(sqlite(json!({"a": ["x"]})), (text.into(), 2));
    }

    #[test]
    fn what_is_too_large_or_not_comparable_is_refused() {
        let deep = (0..MAX_DEPTH).fold(json!(1), |part, _| json!([part]));
        for part in [deep, json!(vec![1; MAX_VALUES]), json!([u64::MAX])] {
            assert!(refused(&part).is_some());
        }
        assert_eq!(refused(&json!([i64::MAX, i64::MIN, 0.5, {"a": null}])), None);
    }
}
