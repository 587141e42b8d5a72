//! A service that was written for the Python package goes on beside services in Rust.

use shared::event::Shape;
use shared::prelude::*;
use shared::{Config, Running};

use crate::surroundings::{Surroundings, VisitBooked, settle, visit};

/// Books two visits, which the service in Python confirms.
async fn answered(place: &Surroundings, running: Running) {
    let visits = [visit("a"), visit("b")];
    let confirmations = place.launch("service.py", &["2"]);
    let context = Context::new().correlation("request-7");
    let publish = async {
        running.db().transaction(async |tx| tx.publish(&visits[0]).await).await.expect("it is committed");
        running.bus().publish(&visits[1]).await.expect("it is published");
    };
    context.scope(publish).await;
    let status = confirmations.ended(std::time::Duration::from_secs(60)).await;
    assert!(status.success(), "{}", confirmations.log());
    settle(&running).await;

    let letters = running.db().dead_letters().list().await.expect("they can be read");
    assert!(letters.is_empty(), "{letters:?}");
    let mut booked = std::mem::take(&mut *place.seen.booked.lock().unwrap());
    let mut confirmed = std::mem::take(&mut *place.seen.confirmed.lock().unwrap());
    booked.sort_by(|(_, a), (_, b)| a.room.cmp(&b.room));
    confirmed.sort_by(|(_, a), (_, b)| a.room.cmp(&b.room));
    let seen: Vec<VisitBooked> = booked.iter().map(|(_, event)| event.clone()).collect();
    assert_eq!(seen, visits, "subscribers in Rust read the flat shape as well");
    assert_eq!(confirmed.len(), visits.len());
    for ((meta, answer), (question, visit)) in confirmed.iter().zip(&booked) {
        assert_eq!((answer.visit_id, &answer.room, answer.minutes), (visit.visit_id, &visit.room, visit.minutes));
        assert_eq!(Some(answer.booked_at), question.time);
        assert_eq!(meta.event_type, "visit.confirmed");
        assert_eq!(meta.correlation_id.as_str(), "request-7", "the same request, through both languages");
        assert!(Uuid::parse_str(&meta.event_id).is_ok_and(|id| id.get_version_num() == 4), "the id that Python gave");
        assert!(meta.time.is_some());
    }
    running.shutdown().await.expect("it ends in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_a_service_that_is_told_to_write_its_shape() {
    let place = Surroundings::new().await;
    let running = place.start(place.service().shape("visit.booked", Shape::Flat)).await;
    answered(&place, running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_a_service_whose_environment_says_so() {
    let mut place = Surroundings::new().await;
    let lookup = |name: &str| (name == "EVENT_SHAPES").then(|| "flat:visit.booked".to_owned());
    place.config.event_shapes = Config::from_lookup(lookup).expect("it can be read").event_shapes;
    // the environment comes first
    let running = place.start(place.service().shape("visit.>", Shape::Structured)).await;
    answered(&place, running).await;
}
