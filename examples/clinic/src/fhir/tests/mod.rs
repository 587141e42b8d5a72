//! The module from outside: folders in, records and problems out.

mod bundles;
mod encounters;
mod hostile;
mod lines;
mod resources;
mod sample;

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use flate2::{Compression, write::GzEncoder};

use super::{Folder, Item, Problem, folder::Limits};

/// A folder that is removed when dropped.
pub(super) struct TestFolder(PathBuf);

impl TestFolder {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        // What cannot be removed is only litter in the temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) fn folder_of<'a, C: AsRef<[u8]>>(files: impl IntoIterator<Item = (&'a str, C)>) -> TestFolder {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!("clinic-fhir-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let folder = TestFolder(env::temp_dir().join(name));
    fs::create_dir(folder.path()).expect("the temporary folder is writable");
    for (name, content) in files {
        fs::write(folder.path().join(name), content).expect("the temporary folder is writable");
    }
    folder
}

fn read<'a, C: AsRef<[u8]>>(files: impl IntoIterator<Item = (&'a str, C)>) -> Vec<Item> {
    let folder = folder_of(files);
    Folder::open(folder.path()).expect("the folder has FHIR files").records().collect()
}

fn read_within<C: AsRef<[u8]>>(limits: Limits, file: &str, content: C) -> Vec<Item> {
    let folder = folder_of([(file, content)]);
    Folder::open(folder.path()).expect("the folder has FHIR files").with_limits(limits).records().collect()
}

fn problems(items: &[Item]) -> Vec<&Problem> {
    items
        .iter()
        .filter_map(|item| match item {
            Item::Problem(problem) => Some(problem),
            _ => None,
        })
        .collect()
}

/// Each item as one word: the record's type and id, or the problem's text.
fn brief(items: &[Item]) -> Vec<String> {
    items
        .iter()
        .map(|item| match item {
            Item::Organization(record) => format!("organization {}", record.source_id),
            Item::Practitioner(record) => format!("practitioner {}", record.source_id),
            Item::Patient(record) => format!("patient {}", record.source_id),
            Item::Encounter(record) => format!("encounter {}", record.source_id),
            Item::Problem(problem) => problem.to_string(),
        })
        .collect()
}

fn gzip(content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content.as_ref()).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything")
}

/// A patient as short as can be.
fn patient(id: &str) -> String {
    format!(r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"Bead"}}]}}"#)
}
