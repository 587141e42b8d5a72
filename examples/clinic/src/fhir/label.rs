use super::{
    kind::Kind,
    source::{Layout, without_extension},
};

/// What to call a file in a problem. Synthea names a bundle after its patient (`Given_Family_<id>.json`), and anything
/// may be named after a record number, so a name that could be about a patient is only given as far as it cannot be.
pub(super) fn label(name: &str, layout: Layout, position: usize, total: usize) -> String {
    let about = match layout {
        Layout::Lines(kind) => Some(kind),
        Layout::Bundle { shared } => shared,
    };
    match about {
        Some(Kind::Organization | Kind::Practitioner) => name.to_owned(),
        Some(kind @ (Kind::Patient | Kind::Encounter)) => {
            if is_only_numbered(name, kind) {
                name.to_owned()
            } else {
                format!("{}….ndjson (file {position} of {total})", kind.name())
            }
        }
        None => bundle_label(name).unwrap_or_else(|| format!("file {position} of {total}")),
    }
}

/// `Patient.ndjson`, `Patient.000.ndjson.gz`: nothing but the type and a number too short to be a record's.
fn is_only_numbered(name: &str, kind: Kind) -> bool {
    let stem = without_extension(name, ".gz").unwrap_or(name);
    let stem = without_extension(stem, ".ndjson").unwrap_or(stem);
    stem.strip_prefix(kind.name()).is_some_and(|rest| {
        rest.len() <= 5 && rest.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_'))
    })
}

/// The uuid, or the beginning of one, at the end of a bundle's name. Of a uuid the first eight digits: enough to find
/// the file, and not the whole id, which some sources use as the record number. Eight decimal digits may be a date of
/// birth or a record number, so they do not count as the beginning of a uuid.
fn bundle_label(name: &str) -> Option<String> {
    let stem = without_extension(name, ".gz").unwrap_or(name);
    let stem = without_extension(stem, ".json").unwrap_or(stem);
    let extension = name.strip_prefix(stem)?;
    let (named, tail) = stem.rsplit_once('_').unwrap_or(("", stem));
    let digits = tail.get(..8)?;
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_decimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());

    if tail.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && tail.split('-').all(is_hex) {
        return Some(format!("…{digits}…{extension}"));
    }
    let is_short_id = tail == digits
        && is_hex(digits)
        && !is_decimal(digits)
        && digits.contains(|digit: char| digit.is_ascii_digit());
    (is_short_id && !named.is_empty()).then(|| format!("…{digits}{extension}"))
}

#[cfg(test)]
mod tests {
    use crate::fhir::source::layout;

    #[test]
    fn a_label_names_the_file_and_not_the_patient() {
        let label = |name: &str| {
            let (layout, _) = layout(name).expect("a FHIR file's name");
            super::label(name, layout, 3, 92)
        };
        assert_eq!(label("Ada_Bead_c9efcb62.json"), "…c9efcb62.json");
        assert_eq!(label("Ada604_M_Bead12_0a6b7c1e-1111-2222-3333-444455556666.json.gz"), "…0a6b7c1e….json.gz");
        assert_eq!(label("0a6b7c1e-1111-2222-3333-444455556666.json"), "…0a6b7c1e….json");
        for named in [
            "Ada_Bead.json",
            "Ada.json",
            "Ada_19700131.json",
            "E1234567.json",
            "a1234567.json",
            "Ada_é1234567.json",
            "Ada_deadbeef.json",
        ] {
            assert_eq!(label(named), "file 3 of 92", "{named}");
        }
        assert_eq!(label("Patient.000.ndjson"), "Patient.000.ndjson");
        assert_eq!(label("Encounter.ndjson.gz"), "Encounter.ndjson.gz");
        assert_eq!(label("Patient-1234567.ndjson"), "Patient….ndjson (file 3 of 92)");
        assert_eq!(label("Patient.Ada.ndjson.gz"), "Patient….ndjson (file 3 of 92)");
        assert_eq!(label("practitionerInformation1671557219.json"), "practitionerInformation1671557219.json");
    }
}
