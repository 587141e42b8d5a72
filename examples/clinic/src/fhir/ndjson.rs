use super::{
    Item, Problem, Reason,
    decode::{Resource, resource_type},
    input::{Input, Line},
    kind::Kind,
    reference::Links,
};

/// A Bulk Data file (<https://hl7.org/fhir/uv/bulkdata/STU2/export.html>): a resource of one type on each line.
pub(super) struct Lines {
    input: Input,
    kind: Kind,
    label: String,
    limit: u64,
    number: u64,
    line: Vec<u8>,
}

impl Lines {
    pub(super) fn new(input: Input, kind: Kind, label: &str, limit: u64) -> Self {
        Self { input, kind, label: label.to_owned(), limit, number: 0, line: Vec::new() }
    }

    /// Hands the items of the next line to `give`; false at the end of the file.
    pub(super) fn read_next(&mut self, mut give: impl FnMut(Item)) -> bool {
        self.number += 1;
        let problem =
            |reason| Item::Problem(Problem { file: self.label.clone(), line: Some(self.number), entry: None, reason });
        match self.input.read_line(&mut self.line, self.limit) {
            Ok(Line::End) => return false,
            Ok(Line::TooLong) => {
                give(problem(Reason::LineTooLong(self.limit)));
                return true;
            }
            Err(reason) => {
                give(problem(reason));
                return false;
            }
            Ok(Line::Read) => {}
        }

        let Ok(text) = str::from_utf8(&self.line) else {
            give(problem(Reason::NotUtf8));
            return true;
        };
        let text = if self.number == 1 { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text };
        if text.trim().is_empty() {
            return true;
        }
        match resource_type(text) {
            Ok(name) if name == self.kind.name() => {}
            // What is not JSON at all may still begin like a resource.
            Ok(_) => {
                let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
                let reason = if is_json { Reason::WrongResourceType(self.kind.name()) } else { Reason::MalformedJson };
                give(problem(reason));
                return true;
            }
            Err(reason) => {
                give(problem(reason));
                return true;
            }
        }

        let mut faults = Vec::new();
        let record = Resource { text, full_url: None, links: &Links::default() }.decode(self.kind, &mut faults);
        for fault in faults {
            give(problem(fault.reason));
        }
        record.map(give);
        true
    }
}
