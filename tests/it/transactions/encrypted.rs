//! TLS to Postgres: what a URL asks for is what happens.

use shared::prelude::*;
use tests::Postgres;

async fn encrypted(db: &Db) -> bool {
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    sqlx::query_scalar(sql).fetch_one(db.postgres().expect("it is Postgres")).await.expect("it can be asked")
}

#[tokio::test]
async fn a_connection_is_encrypted_and_the_server_known_when_the_url_says_so() {
    let (server, authority, _files) = Postgres::start_with_tls().await;
    let url = |parameters: &str| format!("{}?{parameters}", server.url());
    let authority = authority.display();

    let known = Db::connect(&url(&format!("sslmode=verify-full&sslrootcert={authority}"))).await;
    assert!(encrypted(&known.expect("the certificate is the server's")).await);
    assert!(encrypted(&Db::connect(&url("sslmode=require")).await.expect("nobody looks at the certificate")).await);
    assert!(!encrypted(&Db::connect(&url("sslmode=disable")).await.expect("it was asked for")).await);
    let unknown = Db::connect(&url("sslmode=verify-full")).await.expect_err("nobody knows the authority").to_string();
    assert!(unknown.contains("TLS") && unknown.contains("sslrootcert"), "{unknown}");

    let plain = Postgres::shared().await;
    let refused = Db::connect(&format!("{}?sslmode=require", plain.url())).await;
    let refused = refused.expect_err("the server speaks no TLS").to_string();
    assert!(refused.contains("TLS"), "{refused}");
}
