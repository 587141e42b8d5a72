//! What came of an operation, and what may come of it.

use shared::Error;
use shared::error::ErrorKind;

use super::value::Record;

#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Nothing,
    Row(Record),
    Maybe(Option<Record>),
    Rows(Vec<Record>),
    /// All rows, and the number of them that came with each page.
    Pages(Vec<Record>, u64),
    /// Whether it was inserted.
    Upserted(Vec<(bool, Record)>),
    Number(u64),
    Truth(bool),
    /// What came of each operation, how it ended, and the hooks that ran.
    Transaction(Vec<Outcome>, Result<(), Failure>, Vec<u32>),
}

pub type Outcome = Result<Answer, Failure>;

/// What is said of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub kind: ErrorKind,
    pub of: String,
    pub fields: Vec<String>,
    /// The path and the rule.
    pub rules: Vec<(String, String)>,
}

impl Failure {
    pub fn new(kind: ErrorKind, of: impl Into<String>) -> Self {
        Self { kind, of: of.into(), fields: Vec::new(), rules: Vec::new() }
    }

    pub fn with_fields(self, fields: &[&str]) -> Self {
        Self { fields: fields.iter().map(|field| (*field).to_owned()).collect(), ..self }
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let kind = error.kind();
        match error {
            Error::NotFound { entity } | Error::Stale { entity } => Self::new(kind, *entity),
            Error::Unique { entity, fields }
            | Error::ForeignKey { entity, fields }
            | Error::Check { entity, fields, .. } => Self { fields: fields.clone(), ..Self::new(kind, &**entity) },
            Error::Invalid(violations) => {
                let rules = violations.iter().map(|broken| (broken.path.clone(), broken.rule.to_owned())).collect();
                Self { rules, ..Self::new(kind, violations.of()) }
            }
            Error::Usage(_) | Error::Other { .. } => Self::new(kind, ""),
            // none of these may come: say what it was
            other => Self::new(kind, format!("{other:?}")),
        }
    }
}

/// What the model says.
#[derive(Debug, Clone)]
pub enum Expected {
    Answer(Answer),
    /// One of these: which of several broken keys is named is the engine's choice.
    Failure(Vec<Failure>),
    Transaction(Vec<Expected>, Result<(), Vec<Failure>>, Vec<u32>),
}

impl Expected {
    pub fn allows(&self, outcome: &Outcome) -> bool {
        match (self, outcome) {
            (Self::Answer(expected), Ok(answer)) => expected == answer,
            (Self::Failure(expected), Err(failure)) => expected.contains(failure),
            (Self::Transaction(each, end, hooks), Ok(Answer::Transaction(outcomes, ended, ran))) => {
                let is_each = each.len() == outcomes.len()
                    && each.iter().zip(outcomes).all(|(expected, outcome)| expected.allows(outcome));
                let is_end = match (end, ended) {
                    (Ok(()), Ok(())) => true,
                    (Err(expected), Err(failure)) => expected.contains(failure),
                    _ => false,
                };
                is_each && is_end && hooks == ran
            }
            _ => false,
        }
    }

    /// Adds what it is, and each part of it: an error's kind, or `None`.
    pub fn tally(&self, kinds: &mut Vec<Option<ErrorKind>>) {
        kinds.push(self.failures().and_then(|failures| failures.first()).map(|failure| failure.kind));
        if let Self::Transaction(each, ..) = self {
            each.iter().for_each(|expected| expected.tally(kinds));
        }
    }

    /// What a `?` behind the operation would return.
    pub fn failures(&self) -> Option<&Vec<Failure>> {
        match self {
            Self::Answer(_) | Self::Transaction(_, Ok(()), _) => None,
            Self::Failure(failures) | Self::Transaction(_, Err(failures), _) => Some(failures),
        }
    }
}
