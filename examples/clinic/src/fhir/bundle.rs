use std::{borrow::Cow, cell::OnceCell};

use serde::Deserialize;
use serde_json::{error::Category, value::RawValue};

use super::{
    Item, Problem, Reason,
    decode::{Fault, Resource, resource_id, resource_type},
    element::Object,
    input::Input,
    kind::Kind,
    reference::{Links, urn_id},
};

/// Reads one bundle and hands its items to `give`: organizations, practitioners, patients, encounters, whatever their
/// order in the file.
///
/// A transaction is all or nothing, so of a file that is not JSON to its end nothing is taken.
pub(super) fn read(mut input: Input, limit: u64, label: &str, mut give: impl FnMut(Item)) {
    let mut problem = |line, entry, reason| {
        give(Item::Problem(Problem { file: label.to_owned(), line, entry, reason }));
    };
    let bytes = match input.read_all(limit) {
        Ok(bytes) if bytes.len() as u64 > limit => {
            return problem(None, None, Reason::BundleTooLarge(limit));
        }
        Ok(bytes) => bytes,
        Err(reason) => return problem(None, None, reason),
    };
    let text = match str::from_utf8(&bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let line = 1 + newlines(&bytes[..error.valid_up_to()]);
            return problem(Some(line), None, Reason::NotUtf8);
        }
    };
    let bundle = match serde_json::from_str::<Object<BundleFields<'_>>>(text) {
        Ok(Object(bundle)) => bundle,
        Err(error) if error.classify() == Category::Data => {
            return problem(Some(1), None, Reason::NotABundle);
        }
        Err(error) => return problem(Some(error.line() as u64), None, Reason::MalformedJson),
    };
    if bundle.resource_type.is_none_or(|name| name != "Bundle") {
        return problem(Some(1), None, Reason::NotABundle);
    }

    let lines = LineIndex::new(text);
    let entries = bundle.entry.unwrap_or_default();
    let (wanted, links, unusable) = sort_out(&entries);
    for (entry, fault) in unusable {
        problem(lines.line_of(fault.at), Some(entry), fault.reason);
    }
    for Wanted { kind, entry, text, full_url } in wanted {
        let mut faults = Vec::new();
        let record = Resource { text, full_url: full_url.as_deref(), links: &links }.decode(kind, &mut faults);
        for fault in faults {
            give(Item::Problem(Problem {
                file: label.to_owned(),
                line: lines.line_of(fault.at),
                entry: Some(entry),
                reason: fault.reason,
            }));
        }
        record.map(&mut give);
    }
}

/// A resource that the clinic reads.
struct Wanted<'a> {
    kind: Kind,
    /// Its index in `Bundle.entry`.
    entry: usize,
    text: &'a str,
    full_url: Option<Cow<'a, str>>,
}

/// The entries that the clinic reads, in the order of their kinds; what references in the bundle mean; and the
/// entries, by index, that are no entries.
fn sort_out<'a>(entries: &[&'a RawValue]) -> (Vec<Wanted<'a>>, Links<'a>, Vec<(usize, Fault<'a>)>) {
    let mut wanted = Vec::new();
    let mut links = Links::default();
    let mut unusable = Vec::new();
    for (index, raw) in entries.iter().enumerate() {
        let Ok(Object(entry)) = serde_json::from_str::<Object<EntryFields<'a>>>(raw.get()) else {
            unusable.push((index, Fault { reason: Reason::Malformed("Bundle.entry"), at: raw.get() }));
            continue;
        };
        // An entry without a resource deletes or reads something.
        let Some(resource) = entry.resource else {
            continue;
        };
        let text = resource.get();
        let kind = match resource_type(text) {
            Ok(name) => Kind::from_name(&name),
            Err(reason) => {
                unusable.push((index, Fault { reason, at: text }));
                continue;
            }
        };
        let Some(kind) = kind else {
            if let Some(full_url) = entry.full_url {
                links.add(full_url, None);
            }
            continue;
        };
        if let Some(full_url) = &entry.full_url {
            let id = resource_id(text).or_else(|| urn_id(full_url).map(|id| Cow::Owned(id.to_owned())));
            links.add(full_url.clone(), id.map(|id| (kind, id)));
        }
        wanted.push(Wanted { kind, entry: index, text, full_url: entry.full_url });
    }
    wanted.sort_by_key(|resource| resource.kind);
    (wanted, links, unusable)
}

/// The lines of a text, by position. Counting them for each fault from the beginning would take quadratic time.
struct LineIndex<'a> {
    text: &'a str,
    /// How many lines end before each block of `BLOCK` bytes. Most bundles have no fault and never need it.
    ends_before: OnceCell<Vec<u64>>,
}

impl<'a> LineIndex<'a> {
    const BLOCK: usize = 1 << 10;

    fn new(text: &'a str) -> Self {
        Self { text, ends_before: OnceCell::new() }
    }

    /// The line on which `part` of the text begins.
    fn line_of(&self, part: &'a str) -> Option<u64> {
        let at = part.as_ptr().addr().checked_sub(self.text.as_ptr().addr())?;
        let block = at / Self::BLOCK;
        let ends = self.ends_before.get_or_init(|| self.count()).get(block)?;
        let rest = self.text.as_bytes().get(block * Self::BLOCK..at)?;
        Some(1 + ends + newlines(rest))
    }

    fn count(&self) -> Vec<u64> {
        let mut ends = 0;
        let blocks = self.text.as_bytes().chunks(Self::BLOCK);
        let before = blocks.map(|block| {
            let before = ends;
            ends += newlines(block);
            before
        });
        before.collect()
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[derive(Deserialize)]
struct BundleFields<'a> {
    #[serde(borrow, rename = "resourceType")]
    resource_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    entry: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct EntryFields<'a> {
    #[serde(borrow, rename = "fullUrl")]
    full_url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_text_has_its_line() {
        let text: String = (0..20_000).map(|number| format!("line {number}\n")).collect();
        let index = LineIndex::new(&text);
        assert!(text.len() > 2 * LineIndex::BLOCK, "the text spans blocks");
        for number in [0, 1, 5_000, 9_999, 19_999] {
            let part = &text[text.find(&format!("line {number}\n")).expect("it is in the text")..];
            assert_eq!(index.line_of(part), Some(number + 1));
        }
    }
}
