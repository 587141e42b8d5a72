//! `migrations!("folder")`: the SQL files of a folder, put into the program.

use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, LitStr, Result};

/// The folder is relative to `root`, that of the package.
pub(crate) fn expand(input: TokenStream, root: &Path) -> TokenStream {
    let expanded = syn::parse2::<LitStr>(input).and_then(|folder| files(&folder, root));
    expanded.unwrap_or_else(|error| {
        let error = error.into_compile_error();
        quote!({ #error ::shared::db::Migrations::embedded(&[]) })
    })
}

fn files(literal: &LitStr, root: &Path) -> Result<TokenStream> {
    let folder = root.join(literal.value());
    let error = |problem: String| Error::new(literal.span(), problem);
    let listed = std::fs::read_dir(&folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let entries = listed.map_err(|what| {
        error(format!(
            "`{}` cannot be read ({})\nhelp: give the path of a folder of SQL files, relative to the package's `Cargo.toml`",
            literal.value(),
            what.kind()
        ))
    })?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !says_which(&name) {
            return Err(error(format!(
                "the name of the migration `{name}` does not say which one it is\nhelp: name it `0001_what_it_does.sql`, \
                 or with `.postgres.sql` or `.sqlite.sql` at the end for one engine"
            )));
        }
        let path = path.to_string_lossy().into_owned();
        files.push(quote!(::shared::db::MigrationFile { name: #name, sql: ::core::include_str!(#path) }));
    }
    let folder = folder.to_string_lossy().into_owned();
    Ok(quote!(::shared::db::Migrations::embedded(&[#(#files),*]).of_folder(#folder)))
}

/// Whether a name begins with a number and an underscore; the rest is looked at when they are read.
fn says_which(name: &str) -> bool {
    name.split_once('_').is_some_and(|(number, what)| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) && what.len() > ".sql".len()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> PathBuf {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("shared-migrations-{}-{number}", std::process::id()));
        std::fs::create_dir_all(root.join("sql")).unwrap();
        for file in files {
            std::fs::write(root.join("sql").join(file), "SELECT 1").unwrap();
        }
        root
    }

    fn expanded(files: &[&str], input: TokenStream) -> String {
        let root = folder(files);
        let text = expand(input, &root).to_string();
        std::fs::remove_dir_all(root).unwrap();
        text
    }

    #[test]
    fn files_come_in_order_and_others_are_left_out() {
        let text = expanded(&["0002_b.sql", "0001_a.postgres.sql", "readme.md"], quote!("sql"));
        let (a, b) = (text.find("0001_a.postgres.sql").unwrap(), text.find("0002_b.sql").unwrap());
        assert!(a < b && text.contains("include_str") && !text.contains("readme"), "{text}");
    }

    #[test]
    fn one_mistake_is_one_error() {
        for (files, input, part) in [
            (&["rooms.sql"][..], quote!("sql"), "does not say which one it is"),
            (&[][..], quote!("nowhere"), "cannot be read"),
            (&[][..], quote!(7), "expected string literal"),
        ] {
            let text = expanded(files, input);
            assert!(text.contains(part) && text.matches("compile_error").count() == 1, "{text}");
        }
    }
}
