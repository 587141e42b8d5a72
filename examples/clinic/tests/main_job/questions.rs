//! What other services ask scheduling.

use clinic::scheduling::{self, GetAppointment, NewAppointment, NewPatient, NewPractitioner, Practitioner, Status};
use shared::ErrorKind;
use shared::prelude::*;
use shared::testing::TestService;

#[tokio::test(flavor = "multi_thread")]
async fn an_appointment_is_asked_for() -> Result<()> {
    let service = TestService::start([scheduling::service()]).await?;
    let patient = NewPatient {
        source_id: "a".into(),
        name: "Ada Lovelace".into(),
        birth_date: None,
        phone: None,
        mrn: None,
        ssn: None,
    };
    let patient = scheduling::register(service.db(), patient).await?;
    let doctor = service.repo::<Practitioner>().create(NewPractitioner { npi: None, name: "Dr Grey".into() }).await?;
    let new = NewAppointment {
        source_id: None,
        patient_id: patient.id,
        practitioner_id: doctor.id,
        starts_at: time::now(),
        duration_minutes: 30,
        visit_type: String::new(),
        reason: None,
        status: Status::Booked,
    };
    let booked = scheduling::book(service.db(), new).await?;

    let shown = service.bus().request(&GetAppointment { appointment_id: booked.id }).await?;
    assert_eq!(shown, booked.into());
    let error = service.bus().request(&GetAppointment { appointment_id: id::new() }).await.unwrap_err();
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::NotFound, 404));
    service.shutdown().await
}
