//! The import of FHIR records: registers patients, books appointments, and carries them on to what became of them.

use shared::entity::EntityDef;
use shared::prelude::*;
use tokio::sync::mpsc;

use crate::fhir::{self, EncounterClass, EncounterStatus, Folder, Item, Problem, Reference};
use crate::scheduling::{
    self, Appointment, NewAppointment, NewPatient, NewPractitioner, NewPractitionerSource, Patient, Practitioner,
    PractitionerSource, Status,
};

/// Why an encounter did not become an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EntityEnum)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    NoPractitioner,
    UnknownPatient,
    DoubleBooked,
}

/// An encounter that did not become an appointment.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "rejections", unique(source_id))]
pub struct Rejection {
    #[entity(id)]
    pub id: Uuid,
    pub source_id: String,
    pub reason: Reason,
}

/// Something in the input that could not be read.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "input_errors", unique(place))]
pub struct InputError {
    #[entity(id)]
    pub id: Uuid,
    /// File, line and reason; no value of the input.
    pub place: String,
}

pub(crate) fn entities() -> [&'static EntityDef; 2] {
    entities![Rejection, InputError]
}

/// Called now and then with how many bytes of the input were read.
pub type OnProgress<'a> = &'a (dyn Fn(u64) + Send + Sync);

/// What went wrong besides the database.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed {
    /// How many problems the input has.
    pub problems: u64,
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the input has {} problems, listed above; correct them, or import without `--strict`", self.problems)
    }
}

impl std::error::Error for Malformed {}

/// Imports a folder. What is there already is left as it is, so an import that was interrupted can be run again.
///
/// # Errors
/// Those of the database; with `strict` also [`Malformed`], after everything else was imported.
pub async fn import(db: &Db, folder: &Folder, strict: bool, progress: OnProgress<'_>) -> Result<()> {
    // Reading files blocks, so it has a thread of its own; the channel keeps it from running ahead.
    let (sender, mut items) = mpsc::channel::<(Item, u64)>(256);
    let mut records = folder.records();
    let reader = tokio::task::spawn_blocking(move || {
        while let Some(item) = records.next() {
            let read = records.bytes_read();
            if sender.blocking_send((item, read)).is_err() {
                break;
            }
        }
    });
    let mut problems = 0;
    while let Some((item, read)) = items.recv().await {
        progress(read);
        match item {
            Item::Organization(_) => {}
            Item::Practitioner(practitioner) => take_practitioner(db, practitioner).await?,
            Item::Patient(patient) => take_patient(db, patient).await?,
            Item::Encounter(encounter) => take_encounter(db, encounter).await?,
            Item::Problem(problem) => {
                problems += 1;
                tracing::warn!(%problem, "left out");
                take_problem(db, &problem).await?;
            }
        }
    }
    reader.await.map_err(Error::other)?;
    if strict && problems > 0 {
        return Err(Error::permanent(Malformed { problems }));
    }
    Ok(())
}

async fn take_practitioner(db: &Db, found: fhir::Practitioner) -> Result<()> {
    let sources = db.repo::<PractitionerSource>();
    if sources.query().filter(PractitionerSource::SOURCE_ID.eq(found.source_id.clone())).first().await?.is_some() {
        return Ok(());
    }
    db.transaction(async |tx| {
        let practitioners = tx.repo::<Practitioner>();
        let known = match &found.npi {
            Some(npi) => practitioners.query().filter(Practitioner::NPI.eq(npi.clone())).first().await?,
            None => None,
        };
        let practitioner = match known {
            Some(practitioner) => practitioner,
            None => practitioners.create(NewPractitioner { npi: found.npi, name: found.name }).await?,
        };
        let source = NewPractitionerSource { source_id: found.source_id, practitioner_id: practitioner.id };
        tx.repo::<PractitionerSource>().create(source).await?;
        Ok(())
    })
    .await
}

async fn take_patient(db: &Db, found: fhir::Patient) -> Result<()> {
    if find_patient(db, &found.source_id).await?.is_some() {
        return Ok(());
    }
    let new = NewPatient {
        source_id: Phi::new(found.source_id),
        name: found.name,
        birth_date: found.birth_date,
        phone: found.phone,
        mrn: found.mrn,
        ssn: found.ssn,
    };
    scheduling::register(db, new).await?;
    Ok(())
}

async fn find_patient(db: &Db, source_id: &str) -> Result<Option<Patient>> {
    let source_id = Phi::new(source_id.to_owned());
    db.repo::<Patient>().query().filter(Patient::SOURCE_ID.eq(source_id)).first().await
}

async fn find_practitioner(db: &Db, reference: &Reference) -> Result<Option<Uuid>> {
    match reference {
        Reference::Id(source_id) => {
            let filter = PractitionerSource::SOURCE_ID.eq(source_id.clone());
            let source = db.repo::<PractitionerSource>().query().filter(filter).first().await?;
            Ok(source.map(|source| source.practitioner_id))
        }
        Reference::Npi(npi) => {
            let practitioner =
                db.repo::<Practitioner>().query().filter(Practitioner::NPI.eq(npi.clone())).first().await?;
            Ok(practitioner.map(|practitioner| practitioner.id))
        }
        Reference::Other => Ok(None),
    }
}

async fn take_encounter(db: &Db, encounter: fhir::Encounter) -> Result<()> {
    if encounter.class != EncounterClass::Ambulatory || encounter.status == EncounterStatus::EnteredInError {
        return Ok(());
    }
    // without a start it was reported as a problem already
    let Some(starts_at) = encounter.start else { return Ok(()) };
    let source_id = encounter.source_id.clone();
    let known = db.repo::<Appointment>().query().filter(Appointment::SOURCE_ID.eq(source_id.clone())).first().await?;
    let appointment = match known {
        Some(appointment) => appointment,
        None => {
            if db
                .repo::<Rejection>()
                .query()
                .filter(Rejection::SOURCE_ID.eq(source_id.clone()))
                .first()
                .await?
                .is_some()
            {
                return Ok(());
            }
            match book(db, &encounter, starts_at).await? {
                Ok(appointment) => appointment,
                Err(reason) => {
                    db.repo::<Rejection>().create(NewRejection { source_id, reason }).await?;
                    return Ok(());
                }
            }
        }
    };
    match (appointment.status, encounter.status) {
        (Status::Booked, EncounterStatus::Finished) => scheduling::fulfil(db, &appointment).await.map(|_| ()),
        (Status::Booked, EncounterStatus::Cancelled) => scheduling::cancel(db, &appointment).await.map(|_| ()),
        _ => Ok(()),
    }
}

async fn book(db: &Db, encounter: &fhir::Encounter, starts_at: DateTime<Utc>) -> Result<Result<Appointment, Reason>> {
    let patient = match &encounter.patient {
        Some(Reference::Id(source_id)) => find_patient(db, source_id).await?,
        _ => None,
    };
    let Some(patient) = patient else { return Ok(Err(Reason::UnknownPatient)) };
    let practitioner_id = match &encounter.practitioner {
        Some(reference) => find_practitioner(db, reference).await?,
        None => None,
    };
    let Some(practitioner_id) = practitioner_id else { return Ok(Err(Reason::NoPractitioner)) };
    let minutes = encounter.end.map_or(30, |end| (end - starts_at).num_minutes());
    let new = NewAppointment {
        source_id: Some(encounter.source_id.clone()),
        patient_id: patient.id,
        practitioner_id,
        starts_at,
        // a visit that a record leaves open for days takes no more than a day of the calendar
        duration_minutes: i32::try_from(minutes.clamp(1, 1440)).unwrap_or(1440),
        visit_type: encounter.type_code.clone().unwrap_or_default(),
        reason: None,
        status: Status::Booked,
    };
    match scheduling::book(db, new).await {
        Ok(appointment) => Ok(Ok(appointment)),
        Err(Error::Unique { fields, .. }) if fields.iter().any(|field| field == "starts_at") => {
            Ok(Err(Reason::DoubleBooked))
        }
        Err(error) => Err(error),
    }
}

async fn take_problem(db: &Db, problem: &Problem) -> Result<()> {
    match db.repo::<InputError>().create(NewInputError { place: problem.to_string() }).await {
        // an earlier import of the same folder reported it
        Ok(_) | Err(Error::Unique { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
