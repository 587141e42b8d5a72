//! Patterns that texts are searched with, the same on both engines.

use super::statement::Statement;
use crate::db::Engine;

/// What a text is compared with: literal parts and wildcards, independent of a dialect.
#[derive(Clone)]
pub(super) struct Pattern {
    parts: Vec<Part>,
    complete: bool,
}

#[derive(Clone)]
enum Part {
    Char(char),
    One,
    Any,
}

impl Pattern {
    pub(super) fn new() -> Self {
        Self { parts: Vec::new(), complete: true }
    }

    pub(super) fn text(mut self, text: &str) -> Self {
        self.parts.extend(text.chars().map(Part::Char));
        self
    }

    pub(super) fn any(mut self) -> Self {
        self.parts.push(Part::Any);
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

    pub(super) fn render(&self, negated: bool, statement: &mut Statement) {
        // SQLite's LIKE ignores the case of ASCII letters; its GLOB does not
        let text = match (statement.engine(), negated) {
            (Engine::Postgres, false) => (" LIKE ", self.like()),
            (Engine::Postgres, true) => (" NOT LIKE ", self.like()),
            (Engine::Sqlite, false) => (" GLOB ", self.glob()),
            (Engine::Sqlite, true) => (" NOT GLOB ", self.glob()),
        };
        statement.push(text.0);
        let args = statement.placeholder();
        if !self.complete {
            args.fail("a `like` pattern ends with a backslash; write two for one");
        }
        args.add_text(&text.1);
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
