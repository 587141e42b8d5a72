//! Scheduling by HTTP.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use shared::http::{CorrelationLayer, Handles, Problem, Valid};
use shared::prelude::*;

use crate::scheduling::{
    self, Appointment, NewAppointment, NewPatient, NewPractitioner, Patient, Practitioner, Shown, Status,
};

/// The routes.
pub fn router(handles: Handles) -> Router {
    Router::new()
        .route("/patients", post(register))
        .route("/practitioners", post(employ))
        .route("/appointments", post(book))
        .route("/appointments/{id}", get(read).delete(cancel))
        .layer(CorrelationLayer)
        .with_state(handles)
}

#[derive(Deserialize, Validate)]
struct Registration {
    #[validate(length(min = 1, max = 500))]
    name: Phi<String>,
    birth_date: Option<Phi<NaiveDate>>,
    #[validate(length(max = 100))]
    phone: Option<Phi<String>>,
}

#[derive(Deserialize, Validate)]
struct Employment {
    #[validate(length(min = 1, max = 500))]
    name: String,
    #[validate(pattern = "^[0-9]{10}$")]
    npi: Option<String>,
}

#[derive(Deserialize, Validate)]
struct Booking {
    patient_id: Uuid,
    practitioner_id: Uuid,
    starts_at: DateTime<Utc>,
    #[validate(range(min = 5, max = 480))]
    duration_minutes: i32,
    #[serde(default)]
    #[validate(length(max = 64))]
    visit_type: String,
    #[validate(length(max = 500))]
    reason: Option<Phi<String>>,
}

#[derive(Serialize)]
struct Created {
    id: Uuid,
}

async fn register(db: Db, Valid(body): Valid<Registration>) -> Result<(StatusCode, Json<Created>)> {
    let new = NewPatient {
        source_id: Phi::new(id::new().to_string()),
        name: body.name,
        birth_date: body.birth_date,
        phone: body.phone,
        mrn: None,
        ssn: None,
    };
    let patient: Patient = scheduling::register(&db, new).await?;
    Ok((StatusCode::CREATED, Json(Created { id: patient.id })))
}

async fn employ(
    practitioners: Repo<Practitioner>,
    Valid(body): Valid<Employment>,
) -> Result<(StatusCode, Json<Created>)> {
    let practitioner = practitioners.create(NewPractitioner { npi: body.npi, name: body.name }).await?;
    Ok((StatusCode::CREATED, Json(Created { id: practitioner.id })))
}

async fn book(db: Db, Valid(body): Valid<Booking>) -> Result<(StatusCode, Json<Shown>)> {
    let new = NewAppointment {
        source_id: None,
        patient_id: body.patient_id,
        practitioner_id: body.practitioner_id,
        starts_at: body.starts_at,
        duration_minutes: body.duration_minutes,
        visit_type: body.visit_type,
        reason: body.reason,
        status: Status::Booked,
    };
    let appointment = scheduling::book(&db, new).await?;
    Ok((StatusCode::CREATED, Json(appointment.into())))
}

async fn read(appointments: Repo<Appointment>, Path(id): Path<Uuid>) -> Result<Json<Shown>> {
    Ok(Json(appointments.get(id).await?.into()))
}

async fn cancel(db: Db, Path(id): Path<Uuid>) -> Result<Response> {
    let appointment = db.repo::<Appointment>().get(id).await?;
    match appointment.status {
        Status::Booked => {
            let cancelled = scheduling::cancel(&db, &appointment).await?;
            Ok(Json(Shown::from(cancelled)).into_response())
        }
        Status::Cancelled => Ok(Json(Shown::from(appointment)).into_response()),
        Status::Fulfilled => {
            let problem = Problem::new(StatusCode::CONFLICT, "the appointment took place")
                .detail("only a booked appointment can be cancelled");
            Ok(problem.into_response())
        }
    }
}
