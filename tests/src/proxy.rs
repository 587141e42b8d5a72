//! A TCP proxy that misbehaves on demand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{future, io};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

/// How the link behaves at the moment.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    /// Connections are reset, new ones too.
    cut: bool,
    /// Bytes wait, in both directions.
    silent: bool,
    /// Each chunk of bytes waits that long before it goes on.
    latency: Duration,
    /// How many times the far side of all connections was taken away.
    severed: u64,
}

/// Stands between clients and a server, passes bytes on, and fails as a network fails.
///
/// It belongs to the test's runtime and ends, with all its connections, when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    link: watch::Sender<Link>,
    accepted: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port and passes every connection on to the server.
    ///
    /// # Panics
    /// When it cannot listen.
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("the proxy can listen");
        let address = listener.local_addr().expect("a listening socket has an address");
        let (link, watched) = watch::channel(Link::default());
        let accepted = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(accept(listener, server, watched, Arc::clone(&accepted)));
        Self { address, link, accepted, task }
    }

    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the server with the host and the port of the proxy in place of its own.
    ///
    /// # Panics
    /// When it is not a URL with `://`.
    #[must_use]
    pub fn url(&self, server: &str) -> String {
        let (scheme, rest) = server.split_once("://").expect("a URL has a scheme");
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let user = authority.rfind('@').map_or("", |at| &authority[..=at]);
        format!("{scheme}://{user}{}{path}", self.address)
    }

    /// How many connections clients have opened so far, the refused ones included.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Resets all connections; new ones are reset as well, until [`heal`](Self::heal).
    pub fn cut(&self) {
        self.link.send_modify(|link| link.cut = true);
    }

    /// From now on bytes vanish from sight, in both directions, while connections stay open and new
    /// ones are accepted: a cable that is pulled. After [`heal`](Self::heal) the bytes arrive, as
    /// TCP would send them again.
    pub fn blackhole(&self) {
        self.link.send_modify(|link| link.silent = true);
    }

    /// Takes the server's side of all present connections away without telling the clients: they
    /// stay open, silent for ever. New connections work.
    pub fn half_open(&self) {
        self.link.send_modify(|link| link.severed += 1);
    }

    /// Delays every chunk of bytes by that much, in each direction. Chunks wait one after another,
    /// so throughput falls too.
    pub fn latency(&self, latency: Duration) {
        self.link.send_modify(|link| link.latency = latency);
    }

    /// Ends [`cut`](Self::cut), [`blackhole`](Self::blackhole) and [`latency`](Self::latency).
    pub fn heal(&self) {
        self.link.send_modify(|link| *link = Link { severed: link.severed, ..Link::default() });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, link: watch::Receiver<Link>, accepted: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    loop {
        // An error here concerns one connection only.
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        accepted.fetch_add(1, Ordering::Relaxed);
        connections.spawn(carry(client, server, link.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// Carries one connection to its end.
async fn carry(mut client: TcpStream, address: SocketAddr, link: watch::Receiver<Link>) {
    let severed = link.borrow().severed;
    let life = async {
        when(&link, |link| !link.silent).await;
        let Ok(mut server) = TcpStream::connect(address).await else {
            return;
        };
        // Otherwise the kernel adds a latency of its own.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        tokio::select! {
            () = exchange(&mut client, &mut server, &link) => {}
            () = when(&link, |link| link.severed > severed) => {
                let _ = server.set_zero_linger();
                drop(server);
                future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        biased;
        () = when(&link, |link| link.cut) => {}
        () = life => return,
    }
    // A reset instead of an orderly end: it is what a client sees of a server that is gone.
    let _ = client.set_zero_linger();
}

async fn exchange(client: &mut TcpStream, server: &mut TcpStream, link: &watch::Receiver<Link>) {
    let (client_reads, client_writes) = client.split();
    let (server_reads, server_writes) = server.split();
    // An error in one direction means that both ends are of no use any more.
    let _ = tokio::try_join!(pump(client_reads, server_writes, link), pump(server_reads, client_writes, link));
}

async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, link: &watch::Receiver<Link>) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        let latency = link.borrow().latency;
        if !latency.is_zero() {
            sleep(latency).await;
        }
        // Also the end of a connection is news that must not get through.
        when(link, |link| !link.silent).await;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..length]).await?;
    }
}

/// Waits until the link is so; for ever when the proxy is gone, because then this task is about to
/// end too.
async fn when(link: &watch::Receiver<Link>, is: impl Fn(&Link) -> bool) {
    if link.clone().wait_for(is).await.is_err() {
        future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_host_and_the_port_of_a_url_are_replaced() {
        let proxy = Proxy::start(([127, 0, 0, 1], 9).into()).await;
        let own = proxy.address();
        assert_eq!(proxy.url("nats://127.0.0.1:4222"), format!("nats://{own}"));
        assert_eq!(proxy.url("postgres://a:b%40c@db:5432/x?y=z"), format!("postgres://a:b%40c@{own}/x?y=z"));
    }
}
