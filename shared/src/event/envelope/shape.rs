//! The shapes in which events can be written, and which subject gets which.

use std::str::FromStr;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::event::{Headers, subject};

/// How an event is written. All shapes are read, whatever is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Shape {
    /// CloudEvents' binary mode: the payload is the event's JSON, attributes are headers.
    #[default]
    Binary,
    /// CloudEvents' structured mode: one JSON object with the attributes and the event as `data`.
    Structured,
    /// The Python package's flat JSON: the event's fields beside `event_type`, `event_id`, `timestamp` and
    /// `correlation_id`. The headers are those of binary mode. The payload must be an object without fields
    /// `event_type` and `event_id` of its own.
    Flat,
}

/// The header of the outbox that notes how its event is to be written. It is never sent.
const NOTE: &str = "shared-shape";

impl Shape {
    /// Its name, as `EVENT_SHAPES` says it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Structured => "structured",
            Self::Flat => "flat",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Binary, Self::Structured, Self::Flat].into_iter().find(|shape| shape.as_str() == name)
    }

    /// The headers as the outbox keeps them.
    pub(crate) fn noted(self, headers: &Headers) -> String {
        match self {
            Self::Binary => headers.to_json(),
            shape => {
                let mut headers = headers.clone();
                headers.set(NOTE, shape.as_str());
                headers.to_json()
            }
        }
    }

    /// The opposite of [`noted`](Self::noted).
    pub(crate) fn read_note(headers: &mut Headers) -> Self {
        headers.remove(NOTE).as_deref().and_then(Self::named).unwrap_or_default()
    }
}

/// Shapes by subject: the first pattern that covers a subject decides, and without one it is [`Shape::Binary`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shapes(Arc<Vec<(String, Shape)>>);

impl Shapes {
    /// All events in binary mode.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a pattern, after those that are there.
    ///
    /// # Errors
    /// [`Error::Usage`]: it is no pattern.
    pub fn with(mut self, pattern: &str, shape: Shape) -> Result<Self> {
        if let Some(defect) = subject::pattern_defect(pattern) {
            return Err(Error::Usage(format!("`{pattern}` is no pattern of subjects: {defect}").into()));
        }
        Arc::make_mut(&mut self.0).push((pattern.to_owned(), shape));
        Ok(self)
    }

    /// These, then those.
    pub(crate) fn then(mut self, others: &Self) -> Self {
        if !others.0.is_empty() {
            Arc::make_mut(&mut self.0).extend_from_slice(&others.0);
        }
        self
    }

    /// How events of a subject are written.
    #[must_use]
    pub fn of(&self, subject: &str) -> Shape {
        self.0
            .iter()
            .find(|(pattern, _)| subject::covers(pattern, subject))
            .map(|(_, shape)| *shape)
            .unwrap_or_default()
    }
}

impl FromStr for Shapes {
    type Err = Error;

    /// Reads `flat:appointment.>,structured:lab.*`.
    fn from_str(text: &str) -> Result<Self> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).try_fold(Self::new(), |shapes, part| {
            let (name, pattern) = part.split_once(':').unwrap_or((part, ""));
            let shape = Shape::named(name.trim()).ok_or_else(|| {
                Error::Usage("a shape is `binary`, `structured` or `flat`, then `:` and a pattern of subjects".into())
            })?;
            shapes.with(pattern.trim(), shape)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pattern_that_covers_a_subject_decides() {
        let shapes: Shapes = "binary:note.kept, flat:note.*,structured:>".parse().unwrap();
        assert_eq!(shapes.of("note.kept"), Shape::Binary);
        assert_eq!(shapes.of("note.taken"), Shape::Flat);
        assert_eq!(shapes.of("lab.result.final"), Shape::Structured);
        assert_eq!(Shapes::new().of("note.taken"), Shape::Binary);
        let more = shapes.then(&Shapes::new().with("lab.>", Shape::Flat).unwrap());
        assert_eq!(more.of("lab.result.final"), Shape::Structured);
    }

    #[test]
    fn what_is_no_list_of_shapes_is_refused() {
        for bad in ["flat", "flat:", "round:note.*", "flat:note.*.>.x", "note.*:flat", "flat:a..b"] {
            assert!(bad.parse::<Shapes>().is_err(), "{bad}");
        }
        assert_eq!(" , ".parse::<Shapes>().unwrap(), Shapes::new());
    }
}
