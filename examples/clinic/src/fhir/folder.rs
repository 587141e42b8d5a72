use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Records,
    source::{SourceFile, list, subfolder_with_files},
};

/// A folder of FHIR R4 records: transaction bundles as Synthea writes them (`*.json`), or Bulk Data
/// (`Patient*.ndjson`, `Practitioner*.ndjson`, `Organization*.ndjson`, `Encounter*.ndjson`), or both; each file may be
/// compressed (`.gz`). Other files, hidden files and subfolders are ignored.
///
/// Holds the list of files, not what is in them.
#[derive(Clone)]
pub struct Folder {
    files: Arc<[SourceFile]>,
    total_bytes: u64,
    limits: Limits,
}

/// What is read at most in one piece, so that memory stays bounded whatever the input is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Of a bundle, after decompression.
    pub(super) bundle_bytes: u64,
    /// Of a line of NDJSON, which is one resource.
    pub(super) line_bytes: u64,
}

impl Limits {
    // Synthea's largest bundles (a long life with claims and images) are around 100 MB.
    const DEFAULT: Self = Self { bundle_bytes: 256 << 20, line_bytes: 16 << 20 };
}

impl Folder {
    /// Lists the FHIR files of the folder at `path`.
    ///
    /// # Errors
    ///
    /// [`FolderError`] when there is no such folder, when it cannot be read, or when it holds no FHIR files.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FolderError> {
        let path = path.as_ref();
        let unreadable = |error: io::Error| FolderError::Unreadable { path: path.to_owned(), kind: error.kind() };

        if !fs::metadata(path).map_err(unreadable)?.is_dir() {
            return Err(FolderError::NotAFolder { path: path.to_owned() });
        }
        let files = list(path).map_err(unreadable)?;
        if files.is_empty() {
            return Err(FolderError::NoFhirFiles { path: path.to_owned(), subfolder: subfolder_with_files(path) });
        }
        let total_bytes = files.iter().map(|file| file.bytes).sum();
        Ok(Self { files: files.into(), total_bytes, limits: Limits::DEFAULT })
    }

    /// The size of all files as they lie on disk: what [`Records::bytes_read`] reaches at the end.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// How many files there are to read.
    pub fn file_count(&self) -> usize {
        self.files.len()
    }

    /// Reads the folder from the beginning; see [`Records`].
    pub fn records(&self) -> Records {
        Records::new(Arc::clone(&self.files), self.limits)
    }

    #[cfg(test)]
    pub(super) fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

// Without the files' names, which may be patients' names.
impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Folder")
            .field("files", &self.files.len())
            .field("total_bytes", &self.total_bytes)
            .finish_non_exhaustive()
    }
}

/// Why a folder cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FolderError {
    /// The folder does not exist or may not be read.
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// What the operating system says.
        kind: io::ErrorKind,
    },
    /// The path is a file.
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// The folder holds nothing to read.
    NoFhirFiles {
        /// The folder.
        path: PathBuf,
        /// A folder in it that does hold FHIR files.
        subfolder: Option<PathBuf>,
    },
}

impl fmt::Display for FolderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, kind } => {
                write!(f, "cannot read the input folder `{}`: {kind}; pass a folder of FHIR R4 records", path.display())
            }
            Self::NotAFolder { path } => {
                write!(f, "`{}` is not a folder; pass the folder that holds the FHIR files", path.display())
            }
            Self::NoFhirFiles { path, subfolder } => {
                write!(
                    f,
                    "no FHIR files in `{}`: expected transaction bundles (`*.json`) or Bulk Data (`Patient*.ndjson`, \
                     `Practitioner*.ndjson`, `Organization*.ndjson`, `Encounter*.ndjson`), either also as `.gz`",
                    path.display()
                )?;
                match subfolder {
                    Some(subfolder) => {
                        write!(f, "; `{}` has some, pass that folder", subfolder.display())
                    }
                    None => Ok(()),
                }
            }
        }
    }
}

impl std::error::Error for FolderError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_read_says_what_was_expected() {
        let missing = Folder::open("no-such-folder").expect_err("it does not exist");
        assert_eq!(
            missing.to_string(),
            "cannot read the input folder `no-such-folder`: entity not found; pass a folder of FHIR R4 records"
        );

        let folder = crate::fhir::tests::folder_of([("notes.txt", "")]);
        let file = Folder::open(folder.path().join("notes.txt")).expect_err("it is a file");
        assert!(file.to_string().ends_with("notes.txt` is not a folder; pass the folder that holds the FHIR files"));

        let empty = Folder::open(folder.path()).expect_err("nothing to read");
        assert_eq!(empty, FolderError::NoFhirFiles { path: folder.path().to_owned(), subfolder: None });
        assert!(empty.to_string().ends_with("either also as `.gz`"));

        fs::create_dir(folder.path().join("fhir")).expect("the folder is writable");
        fs::write(folder.path().join("fhir/a.json"), "").expect("the folder is writable");
        let parent = Folder::open(folder.path()).expect_err("nothing to read");
        assert!(parent.to_string().ends_with("fhir` has some, pass that folder"));
    }
}
