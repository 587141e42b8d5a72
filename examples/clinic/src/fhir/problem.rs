use std::{fmt, io};

/// Something in the input that could not be read as FHIR: where it is and what is wrong with it.
///
/// It never carries a value from the file. `Display` gives one line for a log or a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, without its folder. Synthea names a bundle after its patient, so of such a name only the part that
    /// identifies the file is given: `…c9efcb62.json`, or `file 3 of 92` (in the order in which they are read).
    pub file: String,
    /// The line in the (decompressed) file, counted from 1; `None` when the problem is the file itself.
    pub line: Option<u64>,
    /// In a bundle, the index of the entry in `Bundle.entry`, counted from 0: minified bundles are a single line.
    pub entry: Option<usize>,
    /// What is wrong.
    pub reason: Reason,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(entry) = self.entry {
            write!(f, " (Bundle.entry[{entry}])")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// Why a file, a line, a resource or one element of it could not be used.
///
/// Elements are named by their FHIR path, which is a constant of this crate and never text from the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The file could not be opened.
    CannotOpen(io::ErrorKind),
    /// Reading failed; the rest of the file is skipped.
    CannotRead(io::ErrorKind),
    /// The gzip data is damaged or cut off; the rest of the file is skipped.
    DamagedGzip,
    /// A bundle larger than the given number of bytes; the file is skipped.
    BundleTooLarge(u64),
    /// A line longer than the given number of bytes; the line is skipped.
    LineTooLong(u64),
    /// The file or line is not UTF-8, the only encoding of FHIR's JSON.
    NotUtf8,
    /// The file or line is not JSON.
    MalformedJson,
    /// A JSON file that is not a FHIR bundle; the file is skipped.
    NotABundle,
    /// Not a JSON object with a `resourceType`.
    NotAResource,
    /// A line of another resource type than the one that the file is named after.
    WrongResourceType(&'static str),
    /// The resource is an object in which a key occurs twice.
    RepeatedKey(&'static str),
    /// An element that the clinic needs is absent; the resource is skipped.
    Missing(&'static str),
    /// An element has another JSON shape than FHIR R4 gives it; the resource is skipped.
    Malformed(&'static str),
    /// Not an id as FHIR defines it (1 to 64 letters, digits, `-` and `.`); the resource is skipped.
    NotAnId(&'static str),
    /// A code outside the value set that FHIR R4 requires; the resource is skipped.
    UnknownCode(&'static str),
    /// Not a date; the element is left out.
    NotADate(&'static str),
    /// Not a date-time; the element is left out.
    NotADateTime(&'static str),
    /// A date without a time of day where an instant is needed; the element is left out.
    NoTimeOfDay(&'static str),
    /// An ambulatory encounter without `period.start`; it is still given, without a start.
    NoStart,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CannotOpen(kind) => write!(f, "cannot be opened: {kind}"),
            Self::CannotRead(kind) => write!(f, "cannot be read: {kind}"),
            Self::DamagedGzip => f.write_str("gzip data is damaged or cut off"),
            Self::BundleTooLarge(limit) => write!(f, "bundle is larger than {limit} bytes"),
            Self::LineTooLong(limit) => write!(f, "line is longer than {limit} bytes"),
            Self::NotUtf8 => f.write_str("not UTF-8"),
            Self::MalformedJson => f.write_str("malformed JSON"),
            Self::NotABundle => {
                f.write_str("not a FHIR bundle (an object of resourceType Bundle with a list of entries)")
            }
            Self::NotAResource => f.write_str("not a FHIR resource (an object with a resourceType)"),
            Self::WrongResourceType(expected) => {
                write!(f, "not the {expected} resource that the file name promises")
            }
            Self::RepeatedKey(place) => write!(f, "a key occurs twice in {place}"),
            Self::Missing(path) => write!(f, "missing {path}"),
            Self::Malformed(path) => write!(f, "{path} does not have the JSON shape that FHIR R4 gives it"),
            Self::NotAnId(path) => write!(f, "{path} is not a FHIR id (1 to 64 letters, digits, `-` and `.`)"),
            Self::UnknownCode(path) => write!(f, "{path} is not in the value set of FHIR R4"),
            Self::NotADate(path) => write!(f, "{path} is not a date"),
            Self::NotADateTime(path) => write!(f, "{path} is not a date-time"),
            Self::NoTimeOfDay(path) => write!(f, "{path} has no time of day"),
            Self::NoStart => f.write_str("missing Encounter.period.start"),
        }
    }
}
