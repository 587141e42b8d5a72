//! The second look at a payload: decodes it once more, slowly, and notices where and how that fails.
//!
//! It stands between a type and serde_json, and passes everything on. What it repeats is the program's own: names that a
//! type gives to serde, and never a text of the payload. So its findings can be printed.

mod watch;

use std::cell::RefCell;
use std::fmt::{self, Display, Write as _};

use serde::de::{self, DeserializeOwned, Unexpected};

use self::watch::At;
use crate::error::DecodeCode;

/// Names of fields, as a type declares them.
type Names = &'static [&'static str];

/// What is wrong, and where.
pub(super) struct Defect {
    pub(super) path: String,
    pub(super) code: DecodeCode,
}

/// Decodes a text. `fields` are the names on the first level, for types that do not tell them to serde.
pub(super) fn locate<T: DeserializeOwned>(text: &str, fields: Names) -> Result<T, Defect> {
    let tracker = Tracker { fields, path: RefCell::default(), found: RefCell::default() };
    let mut json = serde_json::Deserializer::from_str(text);
    match T::deserialize(At::the_whole(&mut json, &tracker)) {
        Ok(value) => match json.end() {
            Ok(()) => Ok(value),
            Err(_) => Err(Defect { path: String::new(), code: DecodeCode::Syntax }),
        },
        Err(failure) => {
            tracker.note(failure);
            let found = tracker.found.into_inner();
            Err(found.unwrap_or(Defect { path: String::new(), code: DecodeCode::WrongType }))
        }
    }
}

/// What is known on the way.
struct Tracker {
    fields: Names,
    path: RefCell<Vec<Step>>,
    found: RefCell<Option<Defect>>,
}

#[derive(Clone, Copy)]
enum Step {
    Field(&'static str),
    Item(usize),
    /// A key that may be of the payload's own.
    Key,
}

impl Tracker {
    fn enter(&self, step: Step) {
        self.path.borrow_mut().push(step);
    }

    fn leave(&self) {
        self.path.borrow_mut().pop();
    }

    fn is_outermost(&self) -> bool {
        self.path.borrow().is_empty()
    }

    /// Keeps what was found, at the place where things stand, unless something was found before.
    fn note(&self, failure: Failure) {
        let Failure::Found(code, field) = failure else { return };
        self.found.borrow_mut().get_or_insert_with(|| {
            let mut path = String::new();
            let steps = self.path.borrow();
            for step in steps.iter().copied().chain(field.map(Step::Field)) {
                let _infallible = match step {
                    Step::Field(name) => write!(path, "/{}", name.replace('~', "~0").replace('/', "~1")),
                    Step::Item(index) => write!(path, "/{index}"),
                    Step::Key => write!(path, "/*"),
                };
            }
            Defect { path, code }
        });
    }

    /// Keeps what serde_json says, which nobody has noted if it is the parser's own.
    fn note_parser(&self, error: &impl Display) -> Failure {
        if self.found.borrow().is_none() {
            self.note(Failure::Found(of_parser(&error.to_string()), None));
        }
        Failure::Noted
    }
}

/// What the parser means. Its texts may quote the payload behind their first words.
fn of_parser(text: &str) -> DecodeCode {
    let says = |start: &str| text.starts_with(start);
    if says("EOF while parsing") {
        DecodeCode::Truncated
    } else if says("number out of range") {
        DecodeCode::NumberOutOfRange
    } else if says("invalid type") || says("invalid value") || says("invalid length") {
        DecodeCode::WrongType
    } else {
        DecodeCode::Syntax
    }
}

/// What a type, or serde for it, finds wrong.
#[derive(Debug, Clone, Copy)]
enum Failure {
    /// A code, and the name of the field that it is about.
    Found(DecodeCode, Option<&'static str>),
    /// It has been noted.
    Noted,
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("found")
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: Display>(_: T) -> Self {
        Self::Found(DecodeCode::WrongType, None)
    }

    fn invalid_type(found: Unexpected<'_>, _: &dyn de::Expected) -> Self {
        // a whole number that does not fit 64 bits is read as a float
        let huge = matches!(found, Unexpected::Float(number) if number.abs() >= i64::MAX as f64);
        Self::Found(if huge { DecodeCode::NumberOutOfRange } else { DecodeCode::WrongType }, None)
    }

    fn invalid_value(found: Unexpected<'_>, _: &dyn de::Expected) -> Self {
        let number = matches!(found, Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_));
        Self::Found(if number { DecodeCode::NumberOutOfRange } else { DecodeCode::WrongType }, None)
    }

    fn unknown_field(_: &str, _: Names) -> Self {
        Self::Found(DecodeCode::UnknownField, None)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Found(DecodeCode::MissingField, Some(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::Found(DecodeCode::DuplicateKey, Some(field))
    }
}
