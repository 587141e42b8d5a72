//! Names in SQL.

use syn::LitStr;

use crate::diagnostics::Errors;

/// The longest name that Postgres keeps whole (<https://www.postgresql.org/docs/current/limits.html>).
const MAX_NAME: usize = 63;

/// Columns that every Postgres table has (<https://www.postgresql.org/docs/current/ddl-system-columns.html>).
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// Why a text cannot be the name of a table or column. Names are quoted in SQL, so keywords are no problem.
fn defect(name: &str) -> Option<String> {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Some("use letters, digits and `_`, and no digit at the start".into());
    }
    (name.len() > MAX_NAME).then(|| format!("Postgres allows {MAX_NAME} bytes"))
}

/// Checks a table's name, which may have that of its schema before a dot.
pub(super) fn table(name: &LitStr, errors: &mut Errors) -> Option<String> {
    let text = name.value();
    let refused = match table_defect(&text) {
        Some(why) => format!("`{text}` cannot be the name of a table: {why}"),
        None => match owner(&text) {
            Some((prefix, owner)) => {
                format!("tables whose names start with `{prefix}` are {owner}'s own; choose another name")
            }
            None => return Some(text),
        },
    };
    errors.report(name, refused);
    None
}

fn table_defect(text: &str) -> Option<String> {
    let Some((schema, table)) = text.split_once('.') else { return defect(text) };
    if table.contains('.') {
        let help = "help: a table has a name, and before it perhaps that of its schema: `clinic.appointments`";
        return Some(format!("it has too many parts\n{help}"));
    }
    for (part, place) in [(schema, "before"), (table, "after")] {
        if part.is_empty() {
            return Some(format!("there is nothing {place} the `.`"));
        }
    }
    // https://www.postgresql.org/docs/current/ddl-schemas.html#DDL-SCHEMAS-CATALOG
    if schema.starts_with("pg_") || schema == "information_schema" {
        return Some(format!("the schema `{schema}` is Postgres' own\nhelp: choose another schema"));
    }
    [schema, table].into_iter().find_map(|part| Some(format!("{} (`{part}`)", defect(part)?)))
}

/// Whose names those of a table are, and how they start.
fn owner(text: &str) -> Option<(&'static str, &'static str)> {
    // SQLite knows no schemas: to it, the whole text is the name, and small and capital letters are the same
    if text.to_ascii_lowercase().starts_with("sqlite_") {
        return Some(("sqlite_", "SQLite"));
    }
    without_schema(text).starts_with("shared_").then_some(("shared_", "`shared`"))
}

/// The schema of a table, if its name has one.
pub(super) fn schema(table: &str) -> Option<&str> {
    table.split_once('.').map(|(schema, _)| schema)
}

/// The name of a table within its schema.
pub(super) fn without_schema(table: &str) -> &str {
    table.split_once('.').map_or(table, |(_, table)| table)
}

/// Why a text cannot be the name of a column.
pub(super) fn column_defect(name: &str) -> Option<String> {
    if SYSTEM_COLUMNS.contains(&name) {
        return Some("every Postgres table has a column of that name already".into());
    }
    defect(name)
}

/// The name of a key, constraint or index: `{table}_{columns}_{suffix}`, shortened if Postgres would cut it. It is of the
/// table's schema, and does not name that.
pub(super) fn of_constraint<'a>(table: &str, columns: impl IntoIterator<Item = &'a str>, suffix: &str) -> String {
    let mut name = String::from(without_schema(table));
    for column in columns {
        name.push('_');
        name.push_str(column);
    }
    if name.len() + 1 + suffix.len() > MAX_NAME {
        // what was cut off goes on in the hash, so that two long names stay different
        let hash = fnv1a(&name);
        name.truncate(MAX_NAME - 1 - suffix.len() - 9);
        name.push_str(&format!("_{hash:08x}"));
    }
    name.push('_');
    name.push_str(suffix);
    name
}

fn fnv1a(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// `NoShow` as `no_show`.
pub(super) fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (i, c) in chars.iter().enumerate() {
        let after_word = i > 0 && (chars[i - 1].is_lowercase() || chars[i - 1].is_ascii_digit());
        let before_word =
            i > 0 && chars[i - 1].is_uppercase() && chars.get(i + 1).is_some_and(|next| next.is_lowercase());
        if c.is_uppercase() && (after_word || before_word) {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found() {
        for (name, expected) in [
            ("Booked", "booked"),
            ("NoShow", "no_show"),
            ("ICD10Code", "icd10_code"),
            ("HTTPServer", "http_server"),
            ("A", "a"),
        ] {
            assert_eq!(snake_case(name), expected);
        }
    }

    #[test]
    fn long_names_are_cut_and_stay_different() {
        assert_eq!(
            of_constraint("appointments", ["doctor_id", "starts_at"], "key"),
            "appointments_doctor_id_starts_at_key"
        );
        let long = "a_rather_long_column_name_that_goes_on_and_on";
        let (one, two) =
            (of_constraint("enrollments", [long, "x"], "key"), of_constraint("enrollments", [long, "y"], "key"));
        assert_ne!(one, two);
        for name in [one, two] {
            assert!(name.len() <= MAX_NAME && name.ends_with("_key"), "{name}");
        }
    }

    #[test]
    fn a_table_may_have_a_schema() {
        for good in ["rooms", "clinic.rooms", "Clinic.Order", "public.select", "shared_data.rooms", "clinic.sqlite_x"] {
            assert_eq!((table_defect(good), owner(good)), (None, None), "{good}");
        }
        let long = "x".repeat(64);
        for bad in ["a.b.c", ".a", "a.", ".", "a..b", "pg_x.a", "information_schema.a", "a b.c", "a.1", "a.ä"] {
            assert!(table_defect(bad).is_some(), "{bad}");
        }
        for bad in [format!("{long}.a"), format!("a.{long}")] {
            assert!(table_defect(&bad).is_some_and(|why| why.contains("63 bytes")), "{bad}");
        }
        for owned in ["sqlite_x", "SQLite_x", "sqlite_x.a", "shared_x", "clinic.shared_x"] {
            assert!(owner(owned).is_some(), "{owned}");
        }
        assert_eq!(of_constraint("clinic.rooms", ["floor"], "key"), "rooms_floor_key");
    }

    #[test]
    fn names_that_sql_cannot_have_are_refused() {
        assert_eq!(column_defect("order"), None);
        for bad in ["", "1st", "a-b", "a\"b", "ä", "ctid", &"x".repeat(64)] {
            assert!(column_defect(bad).is_some(), "{bad}");
        }
    }
}
