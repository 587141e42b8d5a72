//! What is refused, and how it is said.

use shared::entity::Filter;
use shared::error::ErrorKind;
use shared::validate::Validate as _;
use shared::{Db, Error};
use uuid::Uuid;

use crate::engines::{execute, on_every_engine};
use crate::refusals::{is, named};
use crate::vocabulary::{
    Appointment, AppointmentPatch, NewAppointment, NewPatient, NewShift, NewWard, Patient, PatientId, PatientPatch,
    Shift, ShiftPatch, Status, Ward, at, booking, patient,
};

on_every_engine!(
    every_broken_rule_is_listed_before_anything_is_written,
    a_rule_of_the_entity_itself_sees_what_will_be_stored,
    a_broken_unique_key_names_its_fields,
    a_missing_referenced_row_is_a_foreign_key_error,
    a_text_that_is_no_variant_breaks_the_check,
    no_error_carries_a_value,
);

async fn every_broken_rule_is_listed_before_anything_is_written(db: Db) {
    let repo = db.repo::<Appointment>();
    let patient_id = patient(&db).await;
    let bad = NewAppointment {
        duration_minutes: 481,
        notes: Some("sentinel, and far too long".into()),
        ..booking(patient_id, 0)
    };
    let paths = |error: &Error| match error {
        Error::Invalid(violations) => violations.iter().map(|violation| violation.path.clone()).collect::<Vec<_>>(),
        other => panic!("not a validation error: {other}"),
    };
    let error = repo.create(bad.clone()).await.unwrap_err();
    assert_eq!(paths(&error), ["/duration_minutes", "/notes"]);
    assert!(error.to_string().contains("5 to 480") && !error.to_string().contains("sentinel"), "{error}");
    assert_eq!(bad.validate().unwrap_err().iter().count(), 2, "a caller can ask beforehand");

    let error = repo.create_many(vec![bad.clone(), booking(patient_id, 1), bad]).await.unwrap_err();
    assert_eq!(paths(&error), ["/0/duration_minutes", "/0/notes", "/2/duration_minutes", "/2/notes"]);
    assert_eq!(repo.count().await.unwrap(), 0);

    let created = repo.create(booking(patient_id, 0)).await.unwrap();
    let patch =
        || AppointmentPatch::new().duration_minutes(4).status(Status::Cancelled).notes("sentinel, and far too long");
    for error in [
        repo.update(&created, patch()).await.unwrap_err(),
        repo.update_where(Filter::all_rows(), patch()).await.unwrap_err(),
    ] {
        assert_eq!(paths(&error), ["/duration_minutes", "/notes"]);
    }
    assert_eq!(repo.get(created.id).await.unwrap(), created);
    let cleared = repo.update(&created, AppointmentPatch::new().notes(None)).await.unwrap();
    assert_eq!(cleared.notes, None, "a rule has nothing to say about what is not there");
    // the rule of an id that is given
    let error = db.repo::<Ward>().create(NewWard { code: "".into(), part_of: None, beds: 1 }).await.unwrap_err();
    assert_eq!(paths(&error), ["/code"]);
}

async fn a_rule_of_the_entity_itself_sees_what_will_be_stored(db: Db) {
    let repo = db.repo::<Shift>();
    let said = |error: Error| match error {
        Error::Invalid(violations) => {
            violations.iter().map(|violation| (violation.path.clone(), violation.rule)).collect::<Vec<_>>()
        }
        other => panic!("not a validation error: {other}"),
    };
    let (morning, evening) = (at("2026-11-23T08:00:00Z"), at("2026-11-23T20:00:00Z"));
    let good = || NewShift { starts_at: morning, ends_at: evening, kind: "day".into() };
    let bad = || NewShift { starts_at: evening, ends_at: morning, kind: "evening".into() };
    let own = |path: &str| (path.to_owned(), "custom");
    let of_kind = |path: &str| (path.to_owned(), "one_of");
    assert_eq!(said(repo.create(bad()).await.unwrap_err()), [of_kind("/kind"), own("")]);
    let error = repo.create_many(vec![good(), bad()]).await.unwrap_err();
    assert_eq!(said(error), [of_kind("/1/kind"), own("/1")]);
    assert_eq!(repo.count().await.unwrap(), 0);

    let shift = repo.create(good()).await.unwrap();
    // together with what stays as it is
    let error = repo.update(&shift, ShiftPatch::new().starts_at(evening)).await.unwrap_err();
    assert_eq!(said(error), [own("")]);
    let error = repo.update(&shift, ShiftPatch::new().ends_at(morning).kind("evening")).await.unwrap_err();
    assert_eq!(said(error), [of_kind("/kind"), own("")]);
    assert_eq!(repo.get(shift.id).await.unwrap(), shift);
    let night = ShiftPatch::new().starts_at(evening).ends_at(at("2026-11-24T08:00:00Z")).kind("night");
    assert_eq!(repo.update(&shift, night).await.unwrap().kind, "night");
}

async fn a_broken_unique_key_names_its_fields(db: Db) {
    let repo = db.repo::<Appointment>();
    let patient_id = patient(&db).await;
    repo.create(booking(patient_id, 0)).await.unwrap();
    let other = repo.create(booking(patient_id, 1)).await.unwrap();
    let start = booking(patient_id, 0).starts_at;
    for error in [
        repo.create(booking(patient_id, 0)).await.unwrap_err(),
        repo.create_many(vec![booking(patient_id, 2), booking(patient_id, 0)]).await.unwrap_err(),
        repo.update(&other, AppointmentPatch::new().starts_at(start)).await.unwrap_err(),
        repo.update_where(Appointment::ID.eq(other.id), AppointmentPatch::new().starts_at(start)).await.unwrap_err(),
    ] {
        assert!(
            matches!(&error, Error::Unique { entity, fields } if entity == "Appointment" && fields == &["doctor_id", "starts_at"]),
            "{error:?}"
        );
    }
    let found = repo.find_by(Appointment::by_doctor_id_and_starts_at(Uuid::from_u128(7), start)).await.unwrap();
    assert_eq!(found.map(|found| found.starts_at), Some(start));
    assert_eq!(repo.find_by(Appointment::by_doctor_id_and_starts_at(Uuid::nil(), start)).await.unwrap(), None);
}

async fn a_missing_referenced_row_is_a_foreign_key_error(db: Db) {
    let repo = db.repo::<Appointment>();
    let missing = is(ErrorKind::ForeignKey, "Appointment", &["patient_id"]);
    assert_eq!(named(repo.create(booking(PatientId(Uuid::nil()), 0)).await), missing);
    let patient_id = patient(&db).await;
    repo.create(booking(patient_id, 0)).await.unwrap();
    assert_eq!(named(db.repo::<Patient>().delete_by_id(patient_id).await), missing, "it is still referred to");

    let wards = db.repo::<Ward>();
    wards.create(NewWard { code: "house".into(), part_of: None, beds: 0 }).await.unwrap();
    wards.create(NewWard { code: "icu".into(), part_of: Some("house".into()), beds: 4 }).await.unwrap();
    let orphan = NewWard { code: "er".into(), part_of: Some("nowhere".into()), beds: 4 };
    assert_eq!(named(wards.create(orphan).await), is(ErrorKind::ForeignKey, "Ward", &["part_of"]));
}

async fn a_text_that_is_no_variant_breaks_the_check(db: Db) {
    let patient_id = patient(&db).await;
    let created = db.repo::<Appointment>().create(booking(patient_id, 0)).await.unwrap();
    assert_eq!(Status::Over.as_str(), "it's over");
    let over = db.repo::<Appointment>().update(&created, AppointmentPatch::new().status(Status::Over)).await.unwrap();
    assert_eq!(over.status, Status::Over);
    let result = execute(&db, "UPDATE appointments SET status = 'sentinel'").await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains("appointments_status_check"), "{error}");
}

async fn no_error_carries_a_value(db: Db) {
    let patients = db.repo::<Patient>();
    let secret = NewPatient { mrn: "sentinel-mrn".into(), name: "sentinel-name".into() };
    let created = patients.create(secret.clone()).await.unwrap();
    let unique = patients.create(secret.clone()).await.unwrap_err();
    assert_eq!(unique.kind(), ErrorKind::Unique);
    let wards = db.repo::<Ward>();
    let ward = NewWard { code: "sentinel-code".into(), part_of: Some("sentinel-house".into()), beds: 1 };
    let foreign = wards.create(ward).await.unwrap_err();
    let notes = NewAppointment { notes: Some("sentinel".repeat(9).as_str().into()), ..booking(created.id, 0) };
    let invalid = db.repo::<Appointment>().create(notes).await.unwrap_err();
    for error in [unique, foreign, invalid] {
        let text = format!("{error} {error:?} {}", error.report());
        assert!(!text.contains("sentinel"), "{text}");
    }
    let shown = format!("{secret:?} {created:?} {:?}", PatientPatch::new().name("sentinel-name"));
    assert!(!shown.contains("sentinel"), "{shown}");
    assert!(format!("{:?}", patients.query().filter(Patient::MRN.eq("sentinel"))).contains("mrn = ‹value›"));
}
