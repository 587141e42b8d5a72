//! The proxy and its faults.

use std::time::Duration;

use tests::Proxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::{A_WHILE, LONG};

/// A server that sends back every byte; it ends with the test's runtime.
async fn echo() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("the server can listen")
}

fn answer_all(listener: TcpListener) {
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reads, mut writes) = stream.split();
                tokio::io::copy(&mut reads, &mut writes).await
            });
        }
    });
}

async fn echo_behind_proxy() -> Proxy {
    let listener = echo().await;
    let address = listener.local_addr().expect("an address");
    answer_all(listener);
    Proxy::start(address).await
}

async fn round_trip(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"hello").await?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"hello");
    Ok(())
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.expect("the proxy accepts")
}

#[tokio::test]
async fn the_proxy_passes_bytes_and_the_end_of_a_direction() {
    let proxy = echo_behind_proxy().await;
    proxy.latency(Duration::from_millis(1));
    let mut stream = connect(&proxy).await;
    round_trip(&mut stream).await.expect("the bytes come back");
    let sent = vec![7; 1 << 20];
    let (mut reads, mut writes) = stream.split();
    let mut received = Vec::new();
    let send = async {
        writes.write_all(&sent).await?;
        writes.shutdown().await
    };
    tokio::try_join!(send, reads.read_to_end(&mut received)).expect("the bytes come back");
    assert_eq!(received, sent);
    assert_eq!(proxy.accepted(), 1);
}

#[tokio::test]
async fn a_cut_resets_old_and_new_connections_until_it_is_healed() {
    let proxy = echo_behind_proxy().await;
    let mut old = connect(&proxy).await;
    round_trip(&mut old).await.expect("the link works");
    proxy.cut();
    let error = old.read(&mut [0]).await.expect_err("the connection is reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let mut new = connect(&proxy).await;
    round_trip(&mut new).await.expect_err("new connections are reset");
    proxy.heal();
    round_trip(&mut connect(&proxy).await).await.expect("the link works again");
}

#[tokio::test]
async fn a_black_hole_holds_bytes_back_until_it_is_healed() {
    let proxy = echo_behind_proxy().await;
    let mut old = connect(&proxy).await;
    round_trip(&mut old).await.expect("the link works");
    proxy.blackhole();
    let mut new = connect(&proxy).await;
    for stream in [&mut old, &mut new] {
        stream.write_all(b"hello").await.expect("the kernel takes it");
        timeout(A_WHILE, stream.read(&mut [0])).await.expect_err("nothing comes back");
    }
    proxy.heal();
    for stream in [&mut old, &mut new] {
        let mut answer = [0; 5];
        timeout(LONG, stream.read_exact(&mut answer)).await.expect("in time").expect("what was sent arrives");
        assert_eq!(&answer, b"hello");
    }
}

#[tokio::test]
async fn a_half_open_connection_is_silent_for_the_client_and_over_for_the_server() {
    let listener = echo().await;
    let proxy = Proxy::start(listener.local_addr().expect("an address")).await;
    let mut client = connect(&proxy).await;
    let (mut server, _) = listener.accept().await.expect("the proxy connects");
    client.write_all(b"x").await.expect("sent");
    server.read_exact(&mut [0]).await.expect("the link works");
    proxy.half_open();
    server.read(&mut [0]).await.expect_err("the server sees a reset");
    client.write_all(b"x").await.expect("the client notices nothing");
    timeout(A_WHILE, client.read(&mut [0])).await.expect_err("the client hears nothing");
    answer_all(listener);
    round_trip(&mut connect(&proxy).await).await.expect("new connections work");
}

#[tokio::test]
async fn latency_lets_later_bytes_of_others_overtake() {
    let listener = echo().await;
    let address = listener.local_addr().expect("an address");
    let proxy = Proxy::start(address).await;
    let mut slow = connect(&proxy).await;
    let (mut from_slow, _) = listener.accept().await.expect("the proxy connects");
    proxy.latency(Duration::from_secs(3600));
    slow.write_all(b"slow").await.expect("sent");
    let mut fast = TcpStream::connect(address).await.expect("connected");
    let (mut from_fast, _) = listener.accept().await.expect("connected");
    fast.write_all(b"fast").await.expect("sent");
    from_fast.read_exact(&mut [0; 4]).await.expect("the direct way is quick");
    timeout(A_WHILE, from_slow.read(&mut [0; 4])).await.expect_err("the slow way is not");
}
