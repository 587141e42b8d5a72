use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use flate2::bufread::MultiGzDecoder;

use super::{Reason, source::SourceFile};

/// The text of a file, decompressed, counted as it is read.
pub(super) struct Input {
    reader: Box<dyn BufRead + Send>,
    gzip: bool,
    /// The size on disk.
    bytes: u64,
}

impl Input {
    pub(super) fn open(file: &SourceFile, bytes_read: Arc<AtomicU64>) -> Result<Self, Reason> {
        let opened = File::open(&file.path).map_err(|error| Reason::CannotOpen(error.kind()))?;
        let counted = BufReader::new(Counted { file: opened, bytes_read });
        // A gzip file may have several members: bgzip writes them, and concatenation makes them.
        let reader: Box<dyn BufRead + Send> =
            if file.gzip { Box::new(BufReader::new(MultiGzDecoder::new(counted))) } else { Box::new(counted) };
        Ok(Self { reader, gzip: file.gzip, bytes: file.bytes })
    }

    /// Everything that is left, up to one byte more than `limit`.
    pub(super) fn read_all(&mut self, limit: u64) -> Result<Vec<u8>, Reason> {
        // Room for the whole file at once: growing a vector step by step can take three times as much.
        let mut bytes = Vec::with_capacity(usize::try_from(self.bytes.min(limit)).unwrap_or_default());
        match (&mut self.reader).take(limit.saturating_add(1)).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(self.reason(&error)),
        }
    }

    /// The next line without its end, in `line`.
    pub(super) fn read_line(&mut self, line: &mut Vec<u8>, limit: u64) -> Result<Line, Reason> {
        line.clear();
        let mut read = false;
        let mut length: u64 = 0;
        loop {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.reason(&error)),
            };
            if available.is_empty() {
                break;
            }
            read = true;
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = &available[..end.unwrap_or(available.len())];
            length = length.saturating_add(part.len() as u64);
            if length <= limit {
                line.extend_from_slice(part);
            }
            let consumed = part.len() + usize::from(end.is_some());
            self.reader.consume(consumed);
            if end.is_some() {
                break;
            }
        }
        Ok(match (read, length <= limit) {
            (false, _) => Line::End,
            (true, true) => Line::Read,
            (true, false) => Line::TooLong,
        })
    }

    fn reason(&self, error: &io::Error) -> Reason {
        match error.kind() {
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof if self.gzip => {
                Reason::DamagedGzip
            }
            kind => Reason::CannotRead(kind),
        }
    }
}

/// What [`Input::read_line`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    Read,
    /// Longer than the limit: passed over, not kept.
    TooLong,
    End,
}

/// Counts what leaves the disk, which is what a folder's size is measured in.
struct Counted {
    file: File,
    bytes_read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.bytes_read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
