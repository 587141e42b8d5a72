use std::{
    collections::VecDeque,
    fmt,
    iter::FusedIterator,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    Item, Problem, bundle,
    folder::Limits,
    input::Input,
    ndjson::Lines,
    source::{Layout, SourceFile},
};

/// The records of a [`Folder`](super::Folder), read from disk as they are asked for.
///
/// - Blocking: run it on a thread that may block.
/// - Streaming: at any time, memory holds one line of NDJSON or one bundle, both limited in size, and the list of files.
/// - In an order that only depends on the files' names and contents. Organizations come before practitioners, those
///   before patients, those before encounters: in a folder of Bulk Data files altogether, in a folder of bundles within
///   each bundle, after Synthea's `hospitalInformation*` and `practitionerInformation*`.
/// - It never fails: what cannot be read comes as [`Item::Problem`], before the record that it concerns if there is one.
pub struct Records {
    files: Arc<[SourceFile]>,
    limits: Limits,
    /// Index of the file to open next.
    next_file: usize,
    /// The size of the files before it.
    opened_bytes: u64,
    /// The Bulk Data file that is being read.
    lines: Option<Lines>,
    /// What has been read and not been asked for: the items of one bundle or one line.
    ready: VecDeque<Item>,
    bytes_read: Arc<AtomicU64>,
}

impl Records {
    pub(super) fn new(files: Arc<[SourceFile]>, limits: Limits) -> Self {
        Self {
            files,
            limits,
            next_file: 0,
            opened_bytes: 0,
            lines: None,
            ready: VecDeque::new(),
            bytes_read: Arc::default(),
        }
    }

    /// How much has been read from disk, of the folder's [`total_bytes`](super::Folder::total_bytes).
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// Reads a piece into `ready`: a line, or a bundle. False when there is nothing left.
    fn read_on(&mut self) -> bool {
        if let Some(lines) = &mut self.lines {
            if !lines.read_next(|item| self.ready.push_back(item)) {
                self.lines = None;
                self.close();
            }
            return true;
        }
        let Some(file) = self.files.get(self.next_file) else {
            return false;
        };
        self.next_file += 1;
        self.opened_bytes = self.opened_bytes.saturating_add(file.bytes);
        match (Input::open(file, Arc::clone(&self.bytes_read)), file.layout) {
            (Ok(input), Layout::Lines(kind)) => {
                self.lines = Some(Lines::new(input, kind, &file.label, self.limits.line_bytes));
            }
            (Ok(input), Layout::Bundle { .. }) => {
                bundle::read(input, self.limits.bundle_bytes, &file.label, |item| self.ready.push_back(item));
                self.close();
            }
            (Err(reason), _) => {
                let file = file.label.to_string();
                self.ready.push_back(Item::Problem(Problem { file, line: None, entry: None, reason }));
                self.close();
            }
        }
        true
    }

    /// Counts what was passed over in a file that could not be read to its end.
    fn close(&mut self) {
        self.bytes_read.store(self.opened_bytes, Ordering::Relaxed);
    }
}

impl Iterator for Records {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        while self.ready.is_empty() {
            if !self.read_on() {
                return None;
            }
        }
        self.ready.pop_front()
    }
}

impl FusedIterator for Records {}

// What has been read is left out: records are long, and a line that is half decoded is not protected yet.
impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records")
            .field("files", &self.files.len())
            .field("next_file", &self.next_file)
            .field("bytes_read", &self.bytes_read())
            .finish_non_exhaustive()
    }
}
