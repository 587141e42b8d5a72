//! Memory: how much of it a stream of many rows takes. In a program of its own, since what other tests take counts, too.

use std::fs;

use futures_util::TryStreamExt as _;
use shared::entity::Query;
use shared::{Db, Entity, Result, entities};

#[derive(Debug, Clone, Entity)]
#[entity(table = "blobs")]
struct Blob {
    #[entity(id, given)]
    id: i64,
    content: String,
}

const ROWS: i64 = 100_000;
/// All rows together have 100 MB.
const CONTENT: usize = 1_000;
const MB: usize = 1_000_000;
/// Much less than all rows, and much more than a few hundred of them.
const FLAT: usize = 20 * MB;

/// The most memory that this process has had since the last call, and what it has now.
fn memory() -> (usize, usize) {
    let status = fs::read_to_string("/proc/self/status").expect("Linux says how much memory a process has");
    let kilobytes = |name: &str| -> usize {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the line is there");
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().expect("a number of kB")
    };
    fs::write("/proc/self/clear_refs", "5").expect("a process may reset its own peak");
    (kilobytes("VmHWM") * 1024, kilobytes("VmRSS") * 1024)
}

/// How much more memory it took to read all rows.
async fn taken_by(read: impl AsyncFnOnce() -> Result<i64>) -> usize {
    memory();
    let (_, before) = memory();
    assert_eq!(read().await.unwrap(), ROWS);
    memory().0.saturating_sub(before)
}

async fn streamed(query: Query<Blob>) -> Result<i64> {
    let ids = query.order_by(Blob::CONTENT.asc()).stream();
    // the rows are looked at: nothing can leave their content out
    ids.try_fold(0, async |rows, blob| Ok(rows + i64::from(blob.content.len() == CONTENT))).await
}

async fn fill(db: &Db) {
    db.create_tables(&entities![Blob]).await.unwrap();
    #[cfg(feature = "postgres")]
    if let Some(pool) = db.postgres() {
        let sql = "INSERT INTO blobs SELECT g, repeat('x', $1) FROM generate_series(1, $2) AS g";
        sqlx::query(sql).bind(CONTENT as i32).bind(ROWS).execute(pool).await.unwrap();
    }
    #[cfg(feature = "sqlite")]
    if db.sqlite().is_some() {
        let sql = "WITH RECURSIVE g(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM g WHERE i < $2) \
                   INSERT INTO blobs SELECT i, printf('%.*c', $1, 'x') FROM g";
        db.transaction(async |tx| {
            tx.sqlite(async |connection| {
                sqlx::query(sql).bind(CONTENT as i64).bind(ROWS).execute(connection).await.unwrap();
                Ok(())
            })
            .await
        })
        .await
        .unwrap();
    }
}

async fn a_stream_is_flat_on(name: &str, db: Db) {
    fill(&db).await;
    let repo = db.repo::<Blob>();
    // once before: pools, caches and buffers are there then
    streamed(repo.query().limit(1_000)).await.unwrap();
    let stream = taken_by(async || streamed(repo.query()).await).await;
    let in_transaction = taken_by(async || db.transaction(async |tx| streamed(tx.repo().query()).await).await).await;
    // or else this test could not fail
    let whole = taken_by(async || Ok(repo.query().unlimited().all().await?.len() as i64)).await;
    println!("{name}: stream {stream}, in a transaction {in_transaction}, all at once {whole}");
    assert!(whole > 3 * FLAT, "{name}: all rows at once took {whole} bytes");
    assert!(stream < FLAT, "{name}: the stream took {stream} bytes");
    assert!(in_transaction < FLAT, "{name}: the stream in a transaction took {in_transaction} bytes");
    db.close().await;
}

/// One test: two at once could not tell whose memory it is.
#[tokio::test]
async fn the_memory_of_a_stream_does_not_grow_with_its_rows() {
    #[cfg(feature = "sqlite")]
    {
        let scratch = tests::Scratch::new("memory");
        let url = format!("sqlite://{}", scratch.join("memory.db").display());
        a_stream_is_flat_on("SQLite", Db::connect(&url).await.unwrap()).await;
    }
    #[cfg(feature = "postgres")]
    {
        let url = tests::Postgres::shared().await.database().await;
        a_stream_is_flat_on("Postgres", Db::connect(&url).await.unwrap()).await;
    }
}
