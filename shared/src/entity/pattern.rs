//! Patterns that texts are searched with, the same on both engines.

use super::statement::Statement;
use crate::db::Engine;

/// What a text is compared with: literal parts and wildcards, independent of a dialect.
#[derive(Clone)]
pub(super) struct Pattern {
    parts: Vec<Part>,
    complete: bool,
    ignores_case: bool,
}

/// The longest pattern that SQLite takes (<https://www.sqlite.org/limits.html>).
const MAX_BYTES: usize = 50_000;

#[derive(Clone)]
enum Part {
    Char(char),
    One,
    Any,
}

impl Pattern {
    pub(super) fn new() -> Self {
        Self { parts: Vec::new(), complete: true, ignores_case: false }
    }

    pub(super) fn text(mut self, text: &str) -> Self {
        self.parts.extend(text.chars().map(Part::Char));
        self
    }

    pub(super) fn any(mut self) -> Self {
        self.parts.push(Part::Any);
        self
    }

    pub(super) fn ignoring_case(mut self) -> Self {
        self.ignores_case = true;
        self
    }

    /// Reads `LIKE`'s language.
    pub(super) fn parse(pattern: &str) -> Self {
        let mut parsed = Self::new();
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            parsed.parts.push(match c {
                '%' => Part::Any,
                '_' => Part::One,
                '\\' => match chars.next() {
                    Some(c) => Part::Char(c),
                    None => {
                        parsed.complete = false;
                        break;
                    }
                },
                c => Part::Char(c),
            });
        }
        parsed
    }

    pub(super) fn render(&self, column: &str, negated: bool, statement: &mut Statement) {
        statement.name(column);
        if negated && !(self.ignores_case && statement.engine() == Engine::Postgres) {
            statement.push(" NOT");
        }
        let (text, end) = match (statement.engine(), self.ignores_case) {
            (Engine::Postgres, false) => {
                statement.push(" LIKE ");
                (self.like(), "")
            }
            (Engine::Postgres, true) => {
                // by any other collation, other letters than A to Z would have a case
                statement.push(if negated { " COLLATE \"C\" NOT ILIKE " } else { " COLLATE \"C\" ILIKE " });
                (self.like(), "")
            }
            // SQLite's LIKE ignores the case of ASCII letters; its GLOB does not
            (Engine::Sqlite, false) => {
                statement.push(" GLOB ");
                (self.glob(), "")
            }
            (Engine::Sqlite, true) => {
                statement.push(" LIKE ");
                (self.like(), " ESCAPE '\\'")
            }
        };
        let args = statement.placeholder();
        if !self.complete {
            args.fail("a `like` pattern ends with a backslash; write two for one");
        }
        // a literal `[` has three bytes there
        if self.glob().len() > MAX_BYTES {
            args.fail("a text to search for has more than 50,000 bytes, which SQLite cannot take; search for less");
        }
        args.add_text(&text);
        statement.push(end);
    }

    fn like(&self) -> String {
        let mut text = String::with_capacity(self.parts.len());
        for part in &self.parts {
            match part {
                Part::Any => text.push('%'),
                Part::One => text.push('_'),
                Part::Char(c) => {
                    if matches!(c, '%' | '_' | '\\') {
                        text.push('\\');
                    }
                    text.push(*c);
                }
            }
        }
        text
    }

    fn glob(&self) -> String {
        let mut text = String::with_capacity(self.parts.len());
        for part in &self.parts {
            match part {
                Part::Any => text.push('*'),
                Part::One => text.push('?'),
                Part::Char(c @ ('*' | '?' | '[')) => {
                    text.push('[');
                    text.push(*c);
                    text.push(']');
                }
                Part::Char(c) => text.push(*c),
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_escaped_for_each_dialect() {
        let literal = Pattern::new().text("50%_\\*?[x]").any();
        assert_eq!(literal.like(), "50\\%\\_\\\\*?[x]%");
        assert_eq!(literal.glob(), "50%_\\[*][?][[]x]*");
        let parsed = Pattern::parse("a_\\%%");
        assert_eq!((parsed.like().as_str(), parsed.glob().as_str()), ("a_\\%%", "a?%*"));
        assert!(!Pattern::parse("a\\").complete);
    }
}
