use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{kind::Kind, label::label};

/// One file to read.
pub(super) struct SourceFile {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) layout: Layout,
    pub(super) gzip: bool,
    /// What problems call it; see [`Problem::file`](super::Problem::file).
    pub(super) label: Arc<str>,
}

/// How the records lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// One bundle of resources of all types; `shared` when it describes those whom patients' bundles refer to.
    Bundle { shared: Option<Kind> },
    /// One resource per line, all of one type.
    Lines(Kind),
}

/// The FHIR files directly in `folder`, in the order in which they must be read.
pub(super) fn list(folder: &Path) -> io::Result<Vec<SourceFile>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_else(|| OsStr::new("")).to_string_lossy().into_owned();
        let Some((layout, gzip)) = layout(&name) else {
            continue;
        };
        // Follows links. A link to nowhere is listed, to be reported when it is read.
        let metadata = fs::metadata(&path).ok();
        if metadata.as_ref().is_some_and(|metadata| !metadata.is_file()) {
            continue;
        }
        let bytes = metadata.map_or(0, |metadata| metadata.len());
        found.push((name, SourceFile { path, bytes, layout, gzip, label: "".into() }));
    }
    found.sort_by(|(_, a), (_, b)| rank(a.layout).cmp(&rank(b.layout)).then_with(|| a.path.cmp(&b.path)));

    let total = found.len();
    let labelled = found.into_iter().zip(1..).map(|((name, file), position)| SourceFile {
        label: label(&name, file.layout, position, total).into(),
        ..file
    });
    Ok(labelled.collect())
}

/// The first folder in `folder` that has FHIR files.
pub(super) fn subfolder_with_files(folder: &Path) -> Option<PathBuf> {
    let mut subfolders: Vec<PathBuf> = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    subfolders.sort();
    subfolders.into_iter().find(|path| path.is_dir() && list(path).is_ok_and(|files| !files.is_empty()))
}

/// How a file of this name is read and whether it is compressed; `None` when it is not a FHIR file.
pub(super) fn layout(name: &str) -> Option<(Layout, bool)> {
    if name.starts_with('.') {
        return None;
    }
    let (stem, gzip) = match without_extension(name, ".gz") {
        Some(stem) => (stem, true),
        None => (name, false),
    };
    if let Some(stem) = without_extension(stem, ".json") {
        let shared = SHARED_BUNDLES.into_iter().find(|(prefix, _)| stem.starts_with(prefix)).map(|(_, kind)| kind);
        return Some((Layout::Bundle { shared }, gzip));
    }
    let stem = without_extension(stem, ".ndjson")?;
    // `PractitionerRole.ndjson` is not a file of practitioners.
    let is_of = |kind: &Kind| stem.strip_prefix(kind.name()).is_some_and(|rest| !rest.starts_with(char::is_alphabetic));
    Kind::ALL.into_iter().find(is_of).map(|kind| (Layout::Lines(kind), gzip))
}

/// The bundles in which Synthea writes whom patients' bundles refer to by identifier.
const SHARED_BUNDLES: [(&str, Kind); 2] =
    [("hospitalInformation", Kind::Organization), ("practitionerInformation", Kind::Practitioner)];

pub(super) fn without_extension<'a>(name: &'a str, extension: &str) -> Option<&'a str> {
    let at = name.len().checked_sub(extension.len())?;
    let (stem, end) = name.split_at_checked(at)?;
    end.eq_ignore_ascii_case(extension).then_some(stem)
}

/// The place in the order of reading: what is referred to comes first, and patients' bundles are as good as patients.
fn rank(layout: Layout) -> (Kind, bool) {
    match layout {
        Layout::Bundle { shared: Some(kind) } => (kind, true),
        Layout::Bundle { shared: None } => (Kind::Patient, true),
        Layout::Lines(kind) => (kind, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(names: &[&str]) -> Vec<String> {
        let folder = crate::fhir::tests::folder_of(names.iter().map(|name| (*name, "")));
        let files = list(folder.path()).expect("the folder is readable");
        files.iter().map(|file| file.path.file_name().unwrap_or_default().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn what_is_referred_to_is_read_first() {
        assert_eq!(
            order(&[
                "Encounter.ndjson.gz",
                "Patient-2.ndjson",
                "Patient.000.ndjson",
                "Practitioner.ndjson",
                "b.json",
                "A.json.gz",
                "Organization_1.NDJSON",
                "practitionerInformation17.json",
                "hospitalInformation17.json",
            ]),
            [
                "Organization_1.NDJSON",
                "hospitalInformation17.json",
                "Practitioner.ndjson",
                "practitionerInformation17.json",
                "Patient-2.ndjson",
                "Patient.000.ndjson",
                "A.json.gz",
                "b.json",
                "Encounter.ndjson.gz",
            ]
        );
    }

    #[test]
    fn other_files_are_ignored() {
        assert_eq!(
            order(&[
                "Patient.ndjson",
                "PractitionerRole.ndjson",
                "Observation.ndjson",
                "EncounterHistory.ndjson",
                ".a.json",
                "README.md",
                "json",
                "a.json.bak",
                "x.ndjson",
                "é",
            ]),
            ["Patient.ndjson"]
        );
    }
}
