//! What the compiler says about misused macros, as users read it.
//!
//! Each `<topic>/<misuse>.rs` is such a program, and the file beside it is what is said about it. After a change of a
//! message: `TRYBUILD=overwrite cargo test -p ui --test misuses`, then read the new texts. That the macros work in
//! unusual surroundings is tested by the programs in `pass`.

use std::fs;
use std::path::{Path, PathBuf};

/// The folders with misuses, one for each macro.
fn topics() -> Vec<PathBuf> {
    let ui = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(ui).unwrap_or_else(|error| panic!("{}: {error}", ui.display()));
    let mut topics: Vec<PathBuf> = entries.map(|entry| entry.expect("the folder is readable").path()).collect();
    // trybuild puts what it has no text to compare with into `wip`
    topics.retain(|topic| topic.is_dir() && !topic.ends_with("pass") && !topic.ends_with("wip"));
    topics.sort();
    topics
}

/// The files of all topics with this extension.
fn files(extension: &str) -> Vec<PathBuf> {
    let entries = topics().into_iter().flat_map(|topic| fs::read_dir(topic).expect("the topic is a folder"));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("the folder is readable").path()).collect();
    files.retain(|file| file.extension().is_some_and(|of_file| of_file == extension));
    assert!(!files.is_empty(), "there are no files to check");
    files.sort();
    files
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn misuses_are_explained() {
    let cases = trybuild::TestCases::new();
    for topic in topics() {
        let name = topic.file_name().expect("a topic has a name").to_string_lossy();
        cases.compile_fail(format!("{name}/*.rs"));
    }
}

/// A mistake gives one message, also when the broken type is used elsewhere. A program that makes several says how
/// many: `// mistakes: 3`.
#[test]
fn one_mistake_gives_one_message() {
    for file in files("rs") {
        let program = read(&file);
        let declared = program.lines().find_map(|line| line.strip_prefix("// mistakes: "));
        let mistakes = declared.map_or(1, |number| number.parse().expect("`// mistakes: ` is followed by a number"));
        let said = read(&file.with_extension("stderr"));
        let messages = said.lines().filter(|line| line.starts_with("error") || line.starts_with("warning")).count();
        assert_eq!(messages, mistakes, "{}:\n{said}", file.display());
    }
}

/// What is said depends neither on where things are nor on whether the sources of the standard library are installed.
#[test]
fn messages_are_the_same_everywhere() {
    for file in files("stderr") {
        let said = read(&file);
        for foreign in ["$RUST", "$CARGO", "rustlib", "/rustc/", "/home/", "/root/", "/tmp/"] {
            assert!(!said.contains(foreign), "{}: says `{foreign}`", file.display());
        }
    }
}
