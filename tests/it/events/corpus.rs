//! What the fuzzer came upon, with the compiler that users have.

use std::fs;
use std::path::Path;

use crate::probe::probe;

#[test]
fn what_the_fuzzer_came_upon_does_no_harm() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/decode");
    let entries = fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{}: {error}", corpus.display()));
    let mut count = 0;
    for entry in entries {
        let file = entry.expect("the folder is readable").path();
        let data = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        // a failure shows the name of the last file
        println!("{}", file.display());
        probe(&data);
        count += 1;
    }
    assert!(count > 100, "the corpus has {count} files");
}
