//! The SQL files of a service.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::db::Engine;
use crate::db::schema::sql::{Statement, statements};
use crate::error::{Error, Result};

/// One file of a folder of migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MigrationFile {
    /// `0001_rooms.sql` for both engines, `0001_rooms.postgres.sql` or `0001_rooms.sqlite.sql` for one.
    pub name: &'static str,
    /// What is in it.
    pub sql: &'static str,
}

/// The migrations of a service: `migrations!("migrations")`, or read from a folder when the program runs.
///
/// A file is called `0001_rooms.sql`: a number, which gives the order, and what it is about. With
/// `.postgres.sql` or `.sqlite.sql` at its end it is for one engine; a number has one file for both engines or one for
/// each. A file that was applied is not changed any more: its checksum is kept, and line ends do not count.
#[derive(Debug, Clone, Default)]
pub struct Migrations {
    sources: Vec<Source>,
    folder: Option<&'static str>,
}

/// A migration, not looked at yet.
#[derive(Debug, Clone)]
pub(super) struct Source {
    name: Cow<'static, str>,
    sql: Cow<'static, str>,
}

impl Source {
    /// One of the library's own.
    pub(super) fn step(version: u32, sql: &'static str) -> Self {
        Self { name: format!("{version:04}_library.sql").into(), sql: sql.into() }
    }
}

/// A migration for one engine.
#[derive(Debug, Clone)]
pub(super) struct Migration {
    pub(super) version: i64,
    pub(super) name: String,
    pub(super) checksum: String,
    sql: String,
    engine: Engine,
}

impl Migration {
    /// Whether it must run outside of a transaction.
    pub(super) fn is_outside(&self) -> bool {
        self.sql.lines().next().is_some_and(|line| line.trim() == "-- shared: no transaction")
    }

    pub(super) fn statements(&self) -> Vec<Statement<'_>> {
        statements(&self.sql, self.engine)
    }

    pub(super) fn error(&self, problem: impl Into<String>, help: impl Into<String>) -> Error {
        Error::config(format!("migration `{}`", self.name), problem, help)
    }

    /// What can be seen without running it.
    fn check(&self) -> Result<()> {
        let statements = self.statements();
        if statements.is_empty() {
            return Err(self.error("it has no statement", "write one, or delete the file"));
        }
        if self.is_outside() && statements.len() > 1 {
            return Err(self.error(
                "it runs outside of a transaction and has more than one statement: when one fails, those before it stay",
                "give each statement a file of its own",
            ));
        }
        for statement in statements {
            let first = statement.text.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
            let ends = ["BEGIN", "COMMIT", "ROLLBACK", "END", "ABORT", "START", "SAVEPOINT", "RELEASE"];
            if ends.iter().any(|word| word.eq_ignore_ascii_case(first)) {
                return Err(self.error(
                    format!(
                        "line {} begins or ends a transaction, so the file would be applied in parts",
                        statement.line
                    ),
                    "take the statement out: each file runs in a transaction of its own",
                ));
            }
        }
        Ok(())
    }
}

impl Migrations {
    /// Those that `migrations!` has put into the program.
    #[must_use]
    pub fn embedded(files: &'static [MigrationFile]) -> Self {
        let source = |file: &MigrationFile| Source { name: file.name.into(), sql: file.sql.into() };
        Self { sources: files.iter().map(source).collect(), folder: None }
    }

    /// For `migrations!`: where the files were when the program was built.
    #[doc(hidden)]
    #[must_use]
    pub fn of_folder(mut self, folder: &'static str) -> Self {
        self.folder = Some(folder);
        self
    }

    /// Files of the folder that the program was built without.
    pub(in crate::db) fn left_out(&self) -> Vec<String> {
        let Some(there) = self.folder.and_then(|folder| Self::read(folder).ok()) else { return Vec::new() };
        let known = self.names();
        there.names().into_iter().filter(|name| !known.contains(name)).map(str::to_owned).collect()
    }

    /// The `.sql` files of a folder.
    ///
    /// # Errors
    /// [`Error::Config`]: the folder or a file cannot be read.
    pub fn read(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let error = |what: std::io::Error| {
            let help = "check the path, which is relative to the working directory";
            Error::config("migrations", format!("`{}` cannot be read ({})", folder.display(), what.kind()), help)
        };
        let mut sources = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(error)? {
            let path = entry.map_err(error)?.path();
            if path.extension().is_none_or(|extension| extension != "sql") {
                continue;
            }
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let sql = std::fs::read_to_string(&path).map_err(error)?;
            sources.push(Source { name: name.into(), sql: sql.into() });
        }
        Ok(Self { sources, folder: None })
    }

    pub(super) fn of(sources: Vec<Source>) -> Self {
        Self { sources, folder: None }
    }

    /// The names of all files, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.sources.iter().map(|source| &*source.name).collect();
        names.sort_unstable();
        names
    }

    /// Those for an engine, in order.
    pub(super) fn of_engine(&self, engine: Engine) -> Result<Vec<Migration>> {
        let mut found: BTreeMap<i64, Vec<(Option<Engine>, &Source)>> = BTreeMap::new();
        for source in &self.sources {
            let Some((version, dialect)) = parse(&source.name) else {
                return Err(Error::config(
                    format!("migration `{}`", source.name),
                    "its name does not say which one it is",
                    "name it `0001_what_it_does.sql`, or with `.postgres.sql` or `.sqlite.sql` at the end for one engine",
                ));
            };
            let same_number = found.entry(version).or_default();
            let clash = same_number.iter().find(|(other, _)| dialect.is_none() || other.is_none() || *other == dialect);
            if let Some((_, other)) = clash {
                return Err(Error::config(
                    format!("migration `{}`", source.name),
                    format!("`{}` has the same number", other.name),
                    "give one of them another number: a number has one file for both engines, or one for each",
                ));
            }
            same_number.push((dialect, source));
        }
        let mut migrations = Vec::new();
        for (version, files) in found {
            let Some((_, source)) = files.iter().find(|(dialect, _)| dialect.is_none_or(|of| of == engine)) else {
                continue;
            };
            // whatever the version control system does to line ends
            let sql = source.sql.replace("\r\n", "\n");
            let checksum = Sha256::digest(sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
            let migration = Migration { version, name: source.name.to_string(), checksum, sql, engine };
            migration.check()?;
            migrations.push(migration);
        }
        Ok(migrations)
    }
}

/// Number and engine of a file's name.
fn parse(name: &str) -> Option<(i64, Option<Engine>)> {
    let stem = name.strip_suffix(".sql")?;
    let (stem, engine) = if let Some(stem) = stem.strip_suffix(".postgres") {
        (stem, Some(Engine::Postgres))
    } else if let Some(stem) = stem.strip_suffix(".sqlite") {
        (stem, Some(Engine::Sqlite))
    } else {
        (stem, None)
    };
    let (number, what) = stem.split_once('_')?;
    let plain = |text: &str| text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (digits && !what.is_empty() && plain(what)).then(|| Some((number.parse().ok()?, engine)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&'static str, &'static str)]) -> Result<Vec<String>> {
        let sources = files.iter().map(|(name, sql)| Source { name: (*name).into(), sql: (*sql).into() }).collect();
        let migrations = Migrations { sources, folder: None }.of_engine(Engine::Sqlite)?;
        Ok(migrations.into_iter().map(|migration| migration.name).collect())
    }

    #[track_caller]
    fn refused(files: &[(&'static str, &'static str)], part: &str) {
        let text = of(files).unwrap_err().to_string();
        assert!(text.contains(part) && text.contains("help: "), "{text}");
    }

    #[test]
    fn numbers_give_the_order_and_names_the_engine() {
        let files = [("0010_c.sql", "x"), ("2_b.sqlite.sql", "x"), ("2_b.postgres.sql", "x"), ("0001_a-b.sql", "x")];
        assert_eq!(of(&files).unwrap(), ["0001_a-b.sql", "2_b.sqlite.sql", "0010_c.sql"]);
    }

    #[test]
    fn what_is_wrong_shows_before_anything_runs() {
        for name in ["a.sql", "1.sql", "1_.sql", "1_a.mysql.sql", "-1_a.sql", "1_a b.sql", "99999999999999999999_a.sql"]
        {
            refused(&[(name, "x")], "its name does not say");
        }
        refused(&[("1_a.sql", "x"), ("01_b.sqlite.sql", "x")], "has the same number");
        refused(&[("1_a.sql", "-- nothing\n;")], "no statement");
        refused(&[("1_a.sql", "CREATE TABLE a (b);\n\ncommit;")], "line 3 begins or ends a transaction");
        refused(&[("1_a.sql", "-- shared: no transaction\nSELECT 1; SELECT 2")], "more than one statement");
    }

    #[test]
    fn line_ends_do_not_change_a_checksum() {
        let checksum = |sql: &'static str| {
            let sources = vec![Source { name: "1_a.sql".into(), sql: sql.into() }];
            Migrations { sources, folder: None }.of_engine(Engine::Sqlite).unwrap()[0].checksum.clone()
        };
        assert_eq!(checksum("a\r\nb"), checksum("a\nb"));
        assert_ne!(checksum("a\nb"), checksum("a\n\nb"));
    }
}
