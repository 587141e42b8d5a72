//! What there is to know when nothing goes on any more.

use async_nats::jetstream;
use futures_util::TryStreamExt as _;

use crate::scene::Scene;

const SESSIONS: &str = "SELECT format('%s %s %s for %s, waits for %s, blocked by %s: %s', pid, application_name, state, \
     now() - state_change, coalesce(wait_event, 'nothing'), pg_blocking_pids(pid), left(query, 120)) \
     FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";

const CLAIMS: &str = "SELECT format('claim %s of %s, fence %s, beat %s, backend %s', name, holder, fence, beat, backend) \
     FROM shared_claims";

/// Prints the consumers, the outbox and the sessions of the database.
pub(crate) async fn describe(scene: &Scene) {
    println!("outbox: {:?} pending", scene.place.db.outbox().pending().await);
    let Ok(client) = async_nats::connect(scene.nats.url()).await else { return println!("no broker") };
    let server = jetstream::new(client);
    for name in ["ENTRY", "POSTING"] {
        let Ok(stream) = server.get_stream(name).await else { continue };
        println!("{name}: {:?}", stream.cached_info().state);
        let infos: Result<Vec<_>, _> = stream.consumers().try_collect().await;
        for info in infos.unwrap_or_default() {
            println!(
                "  {}: delivered {:?}, floor {:?}, outstanding {}, again {}, waiting requests {}, waiting messages {}",
                info.name,
                info.delivered,
                info.ack_floor,
                info.num_ack_pending,
                info.num_redelivered,
                info.num_waiting,
                info.num_pending
            );
        }
    }
    let pool = scene.place.db.postgres().expect("it is Postgres");
    let claims: Result<Vec<String>, _> = sqlx::query_scalar(CLAIMS).fetch_all(pool).await;
    for claim in claims.unwrap_or_default() {
        println!("  {claim}");
    }
    let sessions: Result<Vec<String>, _> = sqlx::query_scalar(SESSIONS).fetch_all(pool).await;
    for session in sessions.unwrap_or_default() {
        println!("  {session}");
    }
}
