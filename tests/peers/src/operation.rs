//! What every peer does, and how it becomes a case of the measurement.

use std::hint::black_box;
use std::rc::Rc;

use chrono::{DateTime, Utc};
use tests::measure::Case;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::appointment::{Booking, PAGE, ROWS, doctor, midnight};

/// A way to store appointments.
#[allow(async_fn_in_trait)] // of this program alone
pub trait Peer: 'static {
    type Row;

    fn id(row: &Self::Row) -> Uuid;
    fn version(row: &Self::Row) -> i64;

    async fn get(&self, id: Uuid) -> Self::Row;
    async fn insert(&self, booking: Booking) -> Self::Row;
    /// Cancels the appointment with a note, if it still has the row's version; returns it as it then is.
    async fn update(&self, row: &Self::Row, note: String) -> Self::Row;
    /// Those of a doctor from a time on, sorted by time and id.
    async fn page(&self, doctor_id: Uuid, from: DateTime<Utc>) -> Vec<Self::Row>;
    async fn insert_many(&self, bookings: Vec<Booking>) -> Vec<Self::Row>;
    /// The first so many rows, in no order; returns how many there are and the sum of their versions.
    async fn stream(&self, rows: usize) -> (usize, i64);
}

#[derive(Debug, Clone, Copy)]
pub enum Operation {
    Get,
    Insert,
    Update,
    Page,
    InsertMany,
    Stream,
}

pub const ALL: [Operation; 6] =
    [Operation::Get, Operation::Insert, Operation::Update, Operation::Page, Operation::InsertMany, Operation::Stream];

/// Whether the arguments name it, or none at all.
pub fn is_chosen(chosen: &[String], word: &str) -> bool {
    let mut words = chosen.iter().filter(|word| !["postgres", "sqlite"].contains(&word.as_str())).peekable();
    words.peek().is_none() || words.any(|chosen| chosen == word)
}

impl Operation {
    pub fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Page => "page",
            Self::InsertMany => "many",
            Self::Stream => "stream",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get by id",
            Self::Insert => "insert",
            Self::Update => "update of two columns with version check",
            Self::Page => "page of 50 with two filters",
            Self::InsertMany => "insert of 1,000 rows",
            Self::Stream => "stream of 100,000 rows",
        }
    }

    pub fn case<P: Peer>(self, name: &str, runtime: &Rc<Runtime>, peer: &Rc<P>) -> Case {
        let (runtime, peer) = (Rc::clone(runtime), Rc::clone(peer));
        Case::new(name, move || {
            // what the operation starts from; connects and prepares, too
            let mut row = runtime.block_on(async {
                let row = peer.insert(Booking::number(ROWS)).await;
                peer.get(P::id(&row)).await
            });
            let id = P::id(&row);
            let mut n = ROWS;
            let mut once = async move || {
                n += 1;
                match self {
                    Self::Get => {
                        let found = peer.get(black_box(id)).await;
                        assert_eq!(P::id(&found), id);
                        black_box(found);
                    }
                    Self::Insert => {
                        let inserted = peer.insert(Booking::number(n)).await;
                        assert_eq!(P::version(&inserted), 1);
                        black_box(inserted);
                    }
                    Self::Update => {
                        let updated = peer.update(&row, "is ill".to_owned()).await;
                        assert_eq!(P::version(&updated), P::version(&row) + 1);
                        row = updated;
                    }
                    Self::Page => {
                        let page = peer.page(doctor(n), midnight(3)).await;
                        assert_eq!(page.len(), PAGE);
                        black_box(page);
                    }
                    Self::InsertMany => {
                        let inserted = peer.insert_many((n..n + 1_000).map(Booking::number).collect()).await;
                        assert_eq!(inserted.len(), 1_000);
                        black_box(inserted);
                    }
                    Self::Stream => {
                        let (rows, versions) = peer.stream(ROWS).await;
                        assert_eq!(rows, ROWS);
                        assert!(versions >= ROWS as i64);
                    }
                }
            };
            // again: caches of statements are warm then
            runtime.block_on(once());
            move |times| {
                runtime.block_on(async {
                    for _ in 0..times {
                        once().await;
                    }
                });
            }
        })
    }
}
