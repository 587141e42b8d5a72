//! The sample beside the crate; the counts are those that its `make.py` reports.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::problems;
use crate::fhir::{Encounter, EncounterClass, EncounterStatus, Folder, Item, Practitioner, Reference};

fn sample(name: &str) -> Vec<Item> {
    let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    let folder = Folder::open(path).expect("the sample lies beside the crate");
    let mut records = folder.records();
    let items = records.by_ref().collect();
    assert_eq!(records.bytes_read(), folder.total_bytes());
    items
}

fn encounters(items: &[Item]) -> impl Iterator<Item = &Encounter> {
    items.iter().filter_map(|item| match item {
        Item::Encounter(encounter) => Some(encounter),
        _ => None,
    })
}

fn practitioners(items: &[Item]) -> impl Iterator<Item = &Practitioner> {
    items.iter().filter_map(|item| match item {
        Item::Practitioner(practitioner) => Some(practitioner),
        _ => None,
    })
}

/// What becomes of each ambulatory encounter by the clinic's rules.
fn outcomes(items: &[Item]) -> BTreeMap<&'static str, usize> {
    let patients: HashSet<&str> = items
        .iter()
        .filter_map(|item| match item {
            Item::Patient(patient) => Some(patient.source_id.as_str()),
            _ => None,
        })
        .collect();
    let npis: HashMap<&str, Option<&str>> = practitioners(items)
        .map(|practitioner| (practitioner.source_id.as_str(), practitioner.npi.as_deref()))
        .collect();
    let practitioner = |encounter: &Encounter| match &encounter.practitioner {
        Some(Reference::Id(id)) => npis.get(id.as_str()).copied().flatten().map(str::to_owned),
        Some(Reference::Npi(npi)) => Some(npi.clone()),
        Some(Reference::Other) | None => None,
    };

    let mut taken: HashSet<(String, Option<DateTime<Utc>>)> = HashSet::new();
    let mut outcomes = BTreeMap::new();
    for encounter in encounters(items).filter(|encounter| encounter.class == EncounterClass::Ambulatory) {
        let known = matches!(&encounter.patient, Some(Reference::Id(id)) if patients.contains(id.as_str()));
        let outcome = match (known, practitioner(encounter)) {
            (false, _) => "unknown_patient",
            (true, None) => "no_practitioner",
            (true, Some(npi)) if !taken.insert((npi.clone(), encounter.start)) => "double_booked",
            (true, Some(_)) => match encounter.status {
                EncounterStatus::Finished => "fulfilled",
                EncounterStatus::Cancelled => "cancelled",
                _ => "booked",
            },
        };
        *outcomes.entry(outcome).or_insert(0) += 1;
    }
    outcomes
}

fn count(items: &[Item], is: impl Fn(&Item) -> bool) -> usize {
    items.iter().filter(|item| is(item)).count()
}

#[test]
fn the_sample_has_every_outcome_and_no_problem() {
    let items = sample("sample");
    assert_eq!(problems(&items), [] as [&crate::fhir::Problem; 0]);
    assert_eq!(count(&items, |item| matches!(item, Item::Patient(_))), 54);
    assert_eq!(encounters(&items).count(), 1237);
    assert_eq!(practitioners(&items).map(|record| &record.npi).collect::<HashSet<_>>().len(), 48);
    assert_eq!(practitioners(&items).map(|record| &record.source_id).collect::<HashSet<_>>().len(), 49);
    assert_eq!(
        outcomes(&items),
        BTreeMap::from([
            ("booked", 12),
            ("cancelled", 40),
            ("double_booked", 5),
            ("fulfilled", 1036),
            ("no_practitioner", 12),
            ("unknown_patient", 3),
        ])
    );
}

#[test]
fn both_layouts_give_the_same_records() {
    let bundles = sample("sample");
    let bulk = sample("sample-bulk");
    assert_eq!(problems(&bulk), [] as [&crate::fhir::Problem; 0]);
    assert_eq!(count(&bulk, |item| matches!(item, Item::Patient(_))), 3);
    assert_eq!(encounters(&bulk).count(), 60);
    assert_eq!(
        outcomes(&bulk),
        BTreeMap::from([
            ("booked", 1),
            ("cancelled", 3),
            ("double_booked", 1),
            ("fulfilled", 47),
            ("no_practitioner", 1),
            ("unknown_patient", 1),
        ])
    );
    for item in &bulk {
        assert!(bundles.contains(item), "{item:?} is in the bundles too");
    }
}

#[test]
fn reading_twice_gives_the_same() {
    assert_eq!(sample("sample"), sample("sample"));
}
