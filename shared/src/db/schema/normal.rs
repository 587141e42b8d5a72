//! Expressions as SQLite keeps them, the text that somebody wrote, made comparable.

use super::sql::{Kind, Token, tokens};
use crate::db::Engine;

/// The `CHECK`s of a `CREATE TABLE`, those of its columns too: name and normalised expression.
pub(super) fn checks(statement: &str) -> Vec<(Option<String>, String)> {
    let tokens = tokens(statement, Engine::Sqlite);
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        if !token.is("CHECK") || !tokens.get(index + 1).is_some_and(|next| next.is_symbol("(")) {
            continue;
        }
        let named = index >= 2 && tokens[index - 2].is("CONSTRAINT");
        let mut depth = 0;
        let inside = tokens[index + 1..].iter().take_while(|token| {
            depth += i32::from(token.is_symbol("(")) - i32::from(token.is_symbol(")"));
            depth > 0
        });
        let expression = inside.skip(1).map(|token| normal(token)).collect::<Vec<_>>().join(" ");
        found.push((named.then(|| tokens[index - 1].name()), expression));
    }
    found
}

/// The same for every way to write it: one blank between tokens, words in lower case, no quotes that say nothing.
pub(super) fn normalised(text: &str) -> String {
    tokens(text, Engine::Sqlite).iter().map(normal).collect::<Vec<_>>().join(" ")
}

fn normal(token: &Token<'_>) -> String {
    match token.kind {
        Kind::Word => token.text.to_ascii_lowercase(),
        Kind::Name => {
            let name = token.name();
            let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            if plain { name } else { format!("\"{name}\"") }
        }
        Kind::Literal | Kind::Symbol => token.text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_found_and_written_in_one_way() {
        let sql =
            "CREATE TABLE a (x text CHECK (X  IN('a,', 'b)')), CONSTRAINT \"c d\" CHECK(\"x\" <> \"Y\"), checked int)";
        let found = checks(sql);
        assert_eq!(found[0], (None, "x in ( 'a,' , 'b)' )".to_owned()));
        assert_eq!(found[1], (Some("c d".to_owned()), "x < > \"Y\"".to_owned()));
        assert_eq!(found.len(), 2);
        assert_eq!(checks("CHECK ("), [(None, String::new())]);
    }
}
