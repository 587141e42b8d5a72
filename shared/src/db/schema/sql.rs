//! Reading SQL as far as schemas need it: tokens, statements, and what a `CREATE TABLE` is made of.

use crate::db::Engine;

/// One token: a word, a quoted name, a literal, or a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    /// As it is written, with its quotes.
    pub(super) text: &'a str,
    /// Where it begins.
    pub(super) at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Name,
    Literal,
    Symbol,
}

impl<'a> Token<'a> {
    pub(super) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text == symbol
    }

    pub(super) fn end(&self) -> usize {
        self.at + self.text.len()
    }

    /// The name that it stands for, without quotes.
    pub(super) fn name(&self) -> String {
        match self.kind {
            Kind::Name => {
                let (open, inner) = self.text.split_at(1);
                let inner = inner.get(..inner.len().saturating_sub(1)).unwrap_or_default();
                match open {
                    "\"" => inner.replace("\"\"", "\""),
                    "`" => inner.replace("``", "`"),
                    _ => inner.to_owned(),
                }
            }
            _ => self.text.to_owned(),
        }
    }
}

/// The tokens of a text, without blanks and comments. What is not closed ends with the text.
pub(super) fn tokens(text: &str, engine: Engine) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or(' ');
        let (length, kind) = if first.is_whitespace() {
            (first.len_utf8(), None)
        } else if rest.starts_with("--") {
            (rest.find('\n').unwrap_or(rest.len()), None)
        } else if rest.starts_with("/*") {
            (comment(rest, engine), None)
        } else if first == '\'' {
            (quoted(rest, '\'', false), Some(Kind::Literal))
        } else if engine == Engine::Postgres && (rest.starts_with("E'") || rest.starts_with("e'")) {
            (1 + quoted(&rest[1..], '\'', true), Some(Kind::Literal))
        } else if first == '"' {
            (quoted(rest, '"', false), Some(Kind::Name))
        } else if engine == Engine::Sqlite && first == '`' {
            (quoted(rest, '`', false), Some(Kind::Name))
        } else if engine == Engine::Sqlite && first == '[' {
            (rest.find(']').map_or(rest.len(), |end| end + 1), Some(Kind::Name))
        } else if let Some(length) = dollar(rest).filter(|_| engine == Engine::Postgres) {
            (length, Some(Kind::Literal))
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$'))).unwrap_or(rest.len());
            (end, Some(Kind::Word))
        } else {
            (first.len_utf8(), Some(Kind::Symbol))
        };
        if let Some(kind) = kind {
            found.push(Token { kind, text: &rest[..length], at });
        }
        at += length;
    }
    found
}

/// The length of a quoted text; a doubled quote is part of it, and so is one after a backslash if that escapes.
fn quoted(rest: &str, quote: char, escapes: bool) -> usize {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if escapes && c == '\\' {
            chars.next();
        } else if c == quote {
            if chars.peek().is_some_and(|(_, next)| *next == quote) {
                chars.next();
            } else {
                return at + quote.len_utf8();
            }
        }
    }
    rest.len()
}

/// The length of a comment; Postgres nests them.
fn comment(rest: &str, engine: Engine) -> usize {
    let (mut at, mut depth) = (2, 1);
    while depth > 0 {
        let Some(tail) = rest.get(at..) else { return rest.len() };
        let close = tail.find("*/");
        let open = tail.find("/*").filter(|_| engine == Engine::Postgres);
        match (open, close) {
            (Some(open), Some(close)) if open < close => (depth, at) = (depth + 1, at + open + 2),
            (_, Some(close)) => (depth, at) = (depth - 1, at + close + 2),
            (_, None) => return rest.len(),
        }
    }
    at
}

/// The length of `$tag$ … $tag$`, if that is what begins here.
fn dollar(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('$')?;
    let tag = &after[..after.find('$')?];
    if tag.starts_with(|c: char| c.is_ascii_digit()) || !tag.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let fence = &rest[..tag.len() + 2];
    let body = &rest[fence.len()..];
    Some(body.find(fence).map_or(rest.len(), |end| fence.len() + end + fence.len()))
}

/// One statement of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Statement<'a> {
    pub(crate) text: &'a str,
    /// The line on which it begins, from 1.
    pub(crate) line: usize,
}

/// The statements of a script, without the semicolons between them.
pub(crate) fn statements(script: &str, engine: Engine) -> Vec<Statement<'_>> {
    let mut found = Vec::new();
    let mut first: Option<Token<'_>> = None;
    let mut last: Option<Token<'_>> = None;
    // bodies of triggers (SQLite) and of functions (`BEGIN ATOMIC`) have semicolons of their own
    let (mut head, mut body): (Vec<Token<'_>>, usize) = (Vec::new(), 0);
    for token in tokens(script, engine) {
        if token.is_symbol(";") && body == 0 {
            if let (Some(first), Some(last)) = (first.take(), last.take()) {
                let line = script[..first.at].matches('\n').count() + 1;
                found.push(Statement { text: &script[first.at..last.end()], line });
            }
            head.clear();
            continue;
        }
        if token.is("BEGIN") && body == 0 && is_trigger(&head, engine)
            || token.is("ATOMIC") && body == 0 && last.is_some_and(|last| last.is("BEGIN"))
            || token.is("CASE") && body > 0
        {
            body += 1;
        } else if token.is("END") && body > 0 {
            body -= 1;
        }
        if head.len() < 4 {
            head.push(token);
        }
        first.get_or_insert(token);
        last = Some(token);
    }
    if let (Some(first), Some(last)) = (first, last) {
        let line = script[..first.at].matches('\n').count() + 1;
        found.push(Statement { text: &script[first.at..last.end()], line });
    }
    found
}

fn is_trigger(head: &[Token<'_>], engine: Engine) -> bool {
    engine == Engine::Sqlite
        && head.first().is_some_and(|token| token.is("CREATE"))
        && head.iter().skip(1).take(2).any(|token| token.is("TRIGGER"))
}

/// A `CREATE TABLE`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CreateTable {
    /// The name, with that of its schema before it if it has one.
    pub(super) name: Vec<String>,
    /// Columns and constraints, in order.
    pub(super) items: Vec<Item>,
    /// What comes after the closing parenthesis.
    pub(super) options: String,
}

/// A column or a constraint of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Of the column, or of the constraint if it has one.
    pub(super) name: Option<String>,
    pub(super) is_column: bool,
    pub(super) text: String,
}

impl CreateTable {
    pub(super) fn parse(statement: &str, engine: Engine) -> Option<Self> {
        let tokens = tokens(statement, engine);
        let mut rest = tokens.iter();
        rest.next().filter(|token| token.is("CREATE"))?;
        let before = rest.by_ref().take_while(|token| !token.is("TABLE")).count();
        if before > 2 {
            return None;
        }
        let mut names: Vec<&Token<'_>> = rest.by_ref().take_while(|token| !token.is_symbol("(")).collect();
        if names.first().is_some_and(|token| token.is("IF")) {
            names.drain(..3.min(names.len()));
        }
        let name = names.iter().filter(|token| !token.is_symbol(".")).map(|token| token.name()).collect();
        let (mut items, mut item, mut depth): (Vec<Vec<Token<'_>>>, Vec<Token<'_>>, usize) =
            (Vec::new(), Vec::new(), 0);
        for token in rest.by_ref() {
            if token.is_symbol(")") && depth == 0 {
                break;
            } else if token.is_symbol(",") && depth == 0 {
                items.push(std::mem::take(&mut item));
                continue;
            } else if token.is_symbol("(") {
                depth += 1;
            } else if token.is_symbol(")") {
                depth -= 1;
            }
            item.push(*token);
        }
        items.push(item);
        let options = rest.map(|token| token.text).collect::<Vec<_>>().join(" ");
        let items = items.iter().filter_map(|tokens| Item::new(statement, tokens)).collect();
        Some(Self { name, items, options })
    }

    pub(super) fn column(&self, name: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.is_column && item.name.as_deref() == Some(name))
    }

    pub(super) fn constraint(&self, name: &str) -> Option<&Item> {
        self.items.iter().find(|item| !item.is_column && item.name.as_deref() == Some(name))
    }
}

impl Item {
    fn new(statement: &str, tokens: &[Token<'_>]) -> Option<Self> {
        let (first, last) = (tokens.first()?, tokens.last()?);
        let text = statement[first.at..last.end()].to_owned();
        let (name, is_column) = if first.is("CONSTRAINT") {
            (tokens.get(1).map(Token::name), false)
        } else if ["PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "EXCLUDE"].iter().any(|word| first.is(word)) {
            (None, false)
        } else {
            (Some(first.name()), true)
        };
        Some(Self { name, is_column, text })
    }
}

/// A name in quotes.
pub(in crate::db) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as a literal, where backslashes mean nothing.
#[cfg(feature = "postgres")]
pub(super) fn quote_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_told_apart_whatever_is_in_them() {
        let script = "-- a; b\nSELECT ';' || \"a;\" ; /* x; /* y; */ z; */\n\nCREATE FUNCTION f() RETURNS int AS $a$ BEGIN; END $a$;;\nSELECT E'\\';' , $1\n";
        let found = statements(script, Engine::Postgres);
        let texts: Vec<_> = found.iter().map(|statement| statement.text).collect();
        assert_eq!(
            texts,
            ["SELECT ';' || \"a;\"", "CREATE FUNCTION f() RETURNS int AS $a$ BEGIN; END $a$", "SELECT E'\\';' , $1"]
        );
        assert_eq!(found.iter().map(|statement| statement.line).collect::<Vec<_>>(), [2, 4, 5]);
    }

    #[test]
    fn triggers_and_atomic_bodies_are_one_statement() {
        let trigger = "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE WHEN 1 THEN 2 END; DELETE FROM b; END";
        let script = format!("{trigger}; SELECT 1");
        let found = statements(&script, Engine::Sqlite);
        assert_eq!(found.iter().map(|statement| statement.text).collect::<Vec<_>>(), [trigger, "SELECT 1"]);
        let function = "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END";
        let script = format!("BEGIN; {function}; COMMIT;");
        let found = statements(&script, Engine::Postgres);
        assert_eq!(found.iter().map(|statement| statement.text).collect::<Vec<_>>(), ["BEGIN", function, "COMMIT"]);
    }

    #[test]
    fn tables_are_taken_apart() {
        let sql = "CREATE TABLE IF NOT EXISTS \"s\".\"a b\" (id int NOT NULL, [x] text CHECK (x IN ('a,', 'b)')), CONSTRAINT \"k\" UNIQUE (id, x)) STRICT";
        let table = CreateTable::parse(sql, Engine::Sqlite).unwrap();
        assert_eq!(table.name, ["s", "a b"]);
        assert_eq!(table.options, "STRICT");
        assert_eq!(table.column("x").unwrap().text, "[x] text CHECK (x IN ('a,', 'b)'))");
        assert_eq!(table.constraint("k").unwrap().text, "CONSTRAINT \"k\" UNIQUE (id, x)");
        assert_eq!(CreateTable::parse("CREATE INDEX i ON t (a)", Engine::Sqlite), None);
    }

    #[test]
    fn any_text_has_an_end() {
        for text in ["'", "\"", "/*", "$a$", "E'\\", "--", "[", "CREATE TABLE", "ü'ü", "$"] {
            for engine in [Engine::Postgres, Engine::Sqlite] {
                statements(text, engine);
                CreateTable::parse(text, engine);
            }
        }
    }
}
