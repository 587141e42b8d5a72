//! Reading some columns only, and the rows that others refer to.

use std::collections::HashMap;

use futures_util::TryStreamExt as _;
use shared::entity::Page;
use shared::error::{DecodeCode, Error, ErrorKind};
use shared::prelude::{DateTime, Utc};
use shared::{Db, Entity, Phi, Projection, entities};
use uuid::Uuid;

use crate::engines::{execute, on_every_engine};
use crate::vocabulary::{
    Appointment, AppointmentPatch, NewWard, Patient, PatientId, Status, Ward, WardPatch, booking, patient,
};

on_every_engine!(
    a_projection_reads_its_columns_only,
    a_column_is_read_by_itself,
    a_projection_has_pages,
    an_unreadable_column_is_named_by_its_field,
    what_rows_refer_to_is_loaded_at_once,
);

#[derive(Debug, Clone, PartialEq, Projection)]
#[projection(of = Appointment)]
struct Slot {
    starts_at: DateTime<Utc>,
    id: Uuid,
    #[projection(column = status)]
    is: Status,
    notes: Option<Phi<String>>,
}

#[derive(Debug, Clone, PartialEq, Projection)]
#[projection(of = Ward)]
struct Size {
    beds: i32,
}

impl Slot {
    fn of(appointment: &Appointment) -> Self {
        let Appointment { id, starts_at, status, notes, .. } = appointment.clone();
        Self { id, starts_at, is: status, notes }
    }
}

async fn a_projection_reads_its_columns_only(db: Db) {
    let patient_id = patient(&db).await;
    let repo = db.repo::<Appointment>();
    let mut rows = repo.create_many((0..5).map(|minute| booking(patient_id, minute)).collect()).await.unwrap();
    rows[1] = repo.update(&rows[1], AppointmentPatch::new().notes("fasting").status(Status::Over)).await.unwrap();
    repo.delete(&rows.remove(4)).await.unwrap();
    let expected: Vec<Slot> = rows.iter().map(Slot::of).collect();
    let query = || repo.query().order_by(Appointment::STARTS_AT.asc()).select::<Slot>();
    assert_eq!(query().all().await.unwrap(), expected);
    assert_eq!(query().limit(2).all().await.unwrap(), expected[..2]);
    assert_eq!(query().first().await.unwrap().as_ref(), expected.first());
    assert_eq!(query().stream().try_collect::<Vec<_>>().await.unwrap(), expected);
    assert_eq!((query().count().await.unwrap(), query().exists().await.unwrap()), (4, true));
    // before or after it is selected
    let over = query().filter(Appointment::STATUS.eq(Status::Over)).all().await.unwrap();
    assert_eq!(over, expected[1..2]);
    let in_transaction = db.transaction(async |tx| {
        let query = tx.repo::<Appointment>().query().order_by(Appointment::STARTS_AT.asc());
        query.select::<Slot>().stream().try_collect::<Vec<_>>().await
    });
    assert_eq!(in_transaction.await.unwrap(), expected);
    // the other columns might as well not be there
    execute(&db, "ALTER TABLE appointments RENAME COLUMN duration_minutes TO gone").await.unwrap();
    assert_eq!(query().all().await.unwrap(), expected);
}

async fn a_column_is_read_by_itself(db: Db) {
    let repo = db.repo::<Ward>();
    repo.create(NewWard { code: "house".into(), part_of: None, beds: 9 }).await.unwrap();
    let new = ["b", "a"].map(|code| NewWard { code: code.into(), part_of: Some("house".into()), beds: 2 });
    repo.create_many(new.into()).await.unwrap();
    let query = || repo.query().order_by(Ward::BEDS.asc());
    assert_eq!(query().values(Ward::CODE).all().await.unwrap(), ["a", "b", "house"]);
    assert_eq!(query().values(Ward::BEDS).limit(2).all().await.unwrap(), [2, 2]);
    assert_eq!(query().values(Ward::PART_OF).all().await.unwrap(), [Some("house".into()), Some("house".into()), None]);
    assert_eq!(query().values(Ward::PART_OF).filter(Ward::CODE.eq("house")).first().await.unwrap(), Some(None));
    let sizes: Vec<i32> = query().select::<Size>().all().await.unwrap().iter().map(|size| size.beds).collect();
    assert_eq!(sizes, [2, 2, 9]);
}

/// The position of a page is in columns that the projection does not have.
async fn a_projection_has_pages(db: Db) {
    let repo = db.repo::<Ward>();
    let new = (0..7).map(|i| NewWard { code: format!("{}", 7 - i), part_of: None, beds: i / 2 }).collect();
    repo.create_many(new).await.unwrap();
    let query = || repo.query().order_by(Ward::PART_OF.asc()).order_by(Ward::BEDS.desc());
    let (mut sizes, mut codes, mut page) = (Vec::new(), Vec::new(), Page::first(2));
    loop {
        let of_sizes = query().select::<Size>().page(page.clone()).await.unwrap();
        let (of_codes, total) = query().values(Ward::CODE).page_with_total(page).await.unwrap();
        assert_eq!(total, 7);
        sizes.extend(of_sizes.items.into_iter().map(|size| size.beds));
        codes.extend(of_codes.items);
        // a position is one of the query, whatever is read there
        let (Some(next), Some(_)) = (of_codes.next, of_sizes.next) else { break };
        page = Page::after(next, 2);
    }
    assert_eq!(sizes, [3, 2, 2, 1, 1, 0, 0]);
    assert_eq!(codes, ["1", "2", "3", "4", "5", "6", "7"]);
}

async fn an_unreadable_column_is_named_by_its_field(db: Db) {
    let patient_id = patient(&db).await;
    db.repo::<Appointment>().create(booking(patient_id, 0)).await.unwrap();
    // what a check would have refused
    execute(&db, "DROP TABLE appointments").await.unwrap();
    execute(
        &db,
        "CREATE TABLE appointments (id text, patient_id text, starts_at text, status text, notes text, deleted_at text)",
    )
    .await
    .unwrap();
    execute(&db, "INSERT INTO appointments (id, status) VALUES ('sentinel', 'sentinel')").await.unwrap();
    let repo = db.repo::<Appointment>();
    for (error, field) in [
        (repo.query().values(Appointment::STATUS).all().await.unwrap_err(), "/status"),
        (repo.query().values(Appointment::STARTS_AT).all().await.unwrap_err(), "/starts_at"),
        (repo.query().select::<Slot>().all().await.unwrap_err(), "/starts_at"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(!format!("{error:?}{error}").contains("sentinel"), "{error:?}");
        let Error::Decode(error) = error else { panic!("{error:?}") };
        assert_eq!((&*error.what, error.path.as_str(), error.code), ("Appointment", field, DecodeCode::Column));
    }
}

/// One that may refer to another, of a type of its own.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "referrals")]
struct Referral {
    #[entity(id)]
    id: Uuid,
    #[entity(references(Patient))]
    patient_id: Option<PatientId>,
}

async fn what_rows_refer_to_is_loaded_at_once(db: Db) {
    db.create_tables(&entities![Referral]).await.unwrap();
    let (one, other) = (patient(&db).await, patient(&db).await);
    let new = [one, other, one].into_iter().zip(0..).map(|(patient_id, minute)| booking(patient_id, minute)).collect();
    let appointments = db.repo::<Appointment>().create_many(new).await.unwrap();
    let patients: HashMap<PatientId, Patient> =
        db.repo::<Patient>().load_many(&appointments, Appointment::PATIENT_ID).await.unwrap();
    assert_eq!(patients.len(), 2);
    assert_eq!(patients[&one], db.repo::<Patient>().get(one).await.unwrap());
    let nothing = db.repo::<Patient>().load_many(&[], Appointment::PATIENT_ID).await.unwrap();
    assert_eq!(nothing, HashMap::new());
    // some refer to nothing
    let new = [Some(one), None].map(|patient_id| NewReferral { patient_id });
    let referrals = db.repo::<Referral>().create_many(new.into()).await.unwrap();
    let patients = db.repo::<Patient>().load_many(&referrals, Referral::PATIENT_ID).await.unwrap();
    assert_eq!(patients.into_keys().collect::<Vec<_>>(), [one]);
    // to rows of their own kind, in a transaction that has not committed them
    db.transaction(async |tx| {
        let repo = tx.repo::<Ward>();
        let house = repo.create(NewWard { code: "house".into(), part_of: None, beds: 9 }).await?;
        let part = repo.create(NewWard { code: "part".into(), part_of: Some("house".into()), beds: 9 }).await?;
        let house = repo.update(&house, WardPatch::new().beds(10)).await?;
        let wards = repo.load_many([&part, &house], Ward::PART_OF).await?;
        assert_eq!(wards, HashMap::from([("house".to_owned(), house)]));
        Ok(())
    })
    .await
    .unwrap();
}
