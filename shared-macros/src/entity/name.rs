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

/// Checks a table's name.
pub(super) fn table(name: &LitStr, errors: &mut Errors) -> Option<String> {
    let text = name.value();
    if let Some(why) = defect(&text) {
        let help = match text.split_once('.') {
            Some((schema, table)) if defect(schema).is_none() && defect(table).is_none() => format!(
                "\nhelp: SQLite has no schemas; write `{schema}_{table}`, or `{table}` and let Postgres look into the schema: `ALTER ROLE … SET search_path = {schema}`"
            ),
            _ => String::new(),
        };
        errors.report(name, format!("`{text}` cannot be the name of a table: {why}{help}"));
        return None;
    }
    for (prefix, owner) in [("sqlite_", "SQLite"), ("shared_", "`shared`")] {
        if text.starts_with(prefix) {
            errors.report(
                name,
                format!("tables whose names start with `{prefix}` are {owner}'s own; choose another name"),
            );
            return None;
        }
    }
    Some(text)
}

/// Why a text cannot be the name of a column.
pub(super) fn column_defect(name: &str) -> Option<String> {
    if SYSTEM_COLUMNS.contains(&name) {
        return Some("every Postgres table has a column of that name already".into());
    }
    defect(name)
}

/// The name of a key, constraint or index: `{table}_{columns}_{suffix}`, shortened if Postgres would cut it.
pub(super) fn of_constraint<'a>(table: &str, columns: impl IntoIterator<Item = &'a str>, suffix: &str) -> String {
    let mut name = String::from(table);
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
    fn names_that_sql_cannot_have_are_refused() {
        assert_eq!(column_defect("order"), None);
        for bad in ["", "1st", "a-b", "a\"b", "ä", "ctid", &"x".repeat(64)] {
            assert!(column_defect(bad).is_some(), "{bad}");
        }
    }
}
