//! What a stream holds in memory while it is read.

use futures_util::TryStreamExt;
use shared::Db;

use crate::allocator::held;
use crate::appointment::ROWS;
use crate::entity::Appointment;

/// Prints the most that this program held beyond what it held before, while streams of some lengths were read.
pub async fn memory(db: &Db) {
    println!("\n{}: memory held while rows are read\n\n| rows | stream | all at once |\n|---:|---:|---:|", db.engine());
    for rows in [1_000, 10_000, ROWS] {
        let before = held();
        let mut most = 0;
        let mut stream = db.repo::<Appointment>().query().limit(rows).stream();
        while stream.try_next().await.expect("rows").is_some() {
            most = most.max(held() - before);
        }
        drop(stream);
        let before = held();
        let all = db.repo::<Appointment>().query().limit(rows).all().await.expect("rows");
        let at_once = held() - before;
        drop(all);
        println!("| {rows} | {} KiB | {} KiB |", most / 1024, at_once / 1024);
    }
}
