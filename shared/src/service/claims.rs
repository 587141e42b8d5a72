//! Which process handles an ordered subscription: one at a time, the others stand by.
//!
//! One task keeps all claims of a process. A subscription has a [`Post`]: it works while it has the tenure, which ends by
//! this process's own clock before another process may take over.

#[cfg(feature = "postgres")]
pub(crate) mod keeper;
#[cfg(feature = "postgres")]
pub(crate) mod table;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::bus::Part;
use crate::db::fence::Fence;
use crate::db::{Db, Location};

/// How often the claims are looked after.
const TICK: Duration = Duration::from_millis(500);

/// What can be claimed: an ordered subscription, or a part of one.
pub(crate) struct Post {
    /// What the claim is called.
    name: Arc<str>,
    /// The subscription, if this is a part of it: the parts are shared out among the processes.
    #[cfg_attr(not(feature = "postgres"), allow(dead_code))] // a SQLite file has one process
    group: Option<(String, Part)>,
    tenure: watch::Sender<Tenure>,
}

/// Whether this process has a post.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tenure {
    /// Somebody else has it, or nobody.
    None,
    Held(Held),
    /// Another process shall have it: this one is to end its work.
    #[cfg_attr(not(feature = "postgres"), allow(dead_code))] // a SQLite file has one process
    Asked(Held),
    /// It has ended its work and does not need it any more.
    Done(Held),
}

/// The right to work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// What keeps out whoever has had it before; `None` where the operating system does.
    pub(crate) fence: Option<Fence>,
    /// When it ends, unless it is prolonged before.
    until: Option<Instant>,
}

/// Why a tenure is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// Another process shall have it: there is time to finish.
    Asked,
    /// Another process may have it already: nothing may be finished.
    Lost,
}

impl Post {
    pub(crate) fn new(name: String, group: Option<(String, Part)>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), group, tenure: watch::Sender::new(Tenure::None) })
    }

    /// Whether this process has it.
    pub(crate) fn is_held(&self) -> bool {
        matches!(*self.tenure.borrow(), Tenure::Held(_) | Tenure::Asked(_))
    }

    /// Waits until this process has it. Who waits has no work to end: when asked for it, it is let go.
    pub(crate) async fn held(&self) -> Held {
        let mut tenure = self.tenure.subscribe();
        loop {
            let is_asked = match &*tenure.borrow_and_update() {
                Tenure::Held(held) if held.until.is_none_or(|until| until > Instant::now()) => return held.clone(),
                Tenure::Asked(_) => true,
                _ => false,
            };
            if is_asked && !planted!(NeverLetsGo) {
                self.done();
            }
            // the sender is `self`
            let _changed = tenure.changed().await;
        }
    }

    /// Waits until the tenure that began with this is over.
    pub(crate) async fn over(&self, begun: &Held) -> Over {
        let mut tenure = self.tenure.subscribe();
        loop {
            let until = match &*tenure.borrow_and_update() {
                Tenure::Held(held) if held.fence == begun.fence => held.until,
                Tenure::Asked(held) if held.fence == begun.fence => return Over::Asked,
                _ => return Over::Lost,
            };
            tokio::select! {
                biased;
                _ = tenure.changed() => {}
                () = passed(until) => return Over::Lost,
            }
        }
    }

    /// Waits until nothing may be finished any more, also by one who was asked to end.
    pub(crate) async fn lost(&self, begun: &Held) {
        let mut tenure = self.tenure.subscribe();
        loop {
            let until = match &*tenure.borrow_and_update() {
                Tenure::Held(held) | Tenure::Asked(held) if held.fence == begun.fence => held.until,
                _ => return,
            };
            tokio::select! {
                biased;
                _ = tenure.changed() => {}
                () = passed(until) => return,
            }
        }
    }

    /// Its work has ended, as it was asked to.
    pub(crate) fn done(&self) {
        self.tenure.send_if_modified(|tenure| match tenure {
            Tenure::Asked(held) => {
                *tenure = Tenure::Done(held.clone());
                true
            }
            _ => false,
        });
    }
}

/// The time in which a subscription is handled by this process. What needs no claim is always its turn.
#[derive(Clone)]
pub(crate) struct Turn(Option<(Arc<Post>, Held)>);

impl Turn {
    /// Waits for it.
    pub(crate) async fn of(post: Option<&Arc<Post>>) -> Self {
        match post {
            None => Self(None),
            Some(post) => Self(Some((Arc::clone(post), post.held().await))),
        }
    }

    /// What the transactions of this turn are to be begun with.
    pub(crate) fn fence(&self) -> Option<&Fence> {
        self.0.as_ref().and_then(|(_, held)| held.fence.as_ref())
    }

    /// Whether it is not over yet, by the clock: a process that was stopped finds out here.
    pub(crate) fn is_mine(&self) -> bool {
        let Some((post, begun)) = &self.0 else { return true };
        match &*post.tenure.borrow() {
            Tenure::Held(held) | Tenure::Asked(held) => {
                held.fence == begun.fence && held.until.is_none_or(|until| until > Instant::now())
            }
            Tenure::None | Tenure::Done(_) => false,
        }
    }

    /// Waits until it is over.
    pub(crate) async fn over(&self) -> Over {
        match &self.0 {
            Some((post, begun)) => post.over(begun).await,
            None => std::future::pending().await,
        }
    }

    /// Waits until nothing may be finished any more.
    pub(crate) async fn lost(&self) {
        match &self.0 {
            Some((post, begun)) => post.lost(begun).await,
            None => std::future::pending().await,
        }
    }
}

async fn passed(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// Claims posts for this process until stopped, and then lets them go.
pub(crate) async fn keep(db: Db, posts: Vec<Arc<Post>>, stop: CancellationToken) {
    match db.location() {
        #[cfg(feature = "postgres")]
        Location::Server(_) => keeper::Keeper::new(db, posts).run(stop).await,
        #[cfg(feature = "sqlite")]
        Location::File(path) => keep_files(path, &posts, stop).await,
        #[cfg(feature = "sqlite")]
        Location::Memory => {
            posts.iter().for_each(|post| hold(post));
            stop.cancelled().await;
        }
    }
}

/// SQLite: operating system's locks on files beside the database, one for each claim, freed when the process ends. A
/// process that is stopped keeps them, as it may keep the database itself.
#[cfg(feature = "sqlite")]
async fn keep_files(database: &std::path::Path, posts: &[Arc<Post>], stop: CancellationToken) {
    let mut folder = database.as_os_str().to_owned();
    folder.push("-claims");
    let folder = std::path::Path::new(&folder);
    let mut held = Vec::with_capacity(posts.len());
    let mut wanted: Vec<&Arc<Post>> = posts.iter().collect();
    loop {
        wanted.retain(|post| match lock(folder, &post.name) {
            Ok(file) => {
                held.push(file);
                hold(post);
                false
            }
            Err(_) => true,
        });
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TICK), if !wanted.is_empty() => {}
        }
    }
}

#[cfg(feature = "sqlite")]
fn lock(folder: &std::path::Path, name: &str) -> std::io::Result<std::fs::File> {
    std::fs::create_dir_all(folder)?;
    let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(name))?;
    file.try_lock()?;
    Ok(file)
}

/// Gives it to this process for good.
#[cfg(feature = "sqlite")]
fn hold(post: &Post) {
    post.tenure.send_replace(Tenure::Held(Held { fence: None, until: None }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(number: i64, until: Option<Instant>) -> Held {
        Held { fence: Some(Fence { claim: "clinic_remind".into(), number }), until }
    }

    fn post() -> Arc<Post> {
        Post::new("clinic_remind".to_owned(), None)
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenure_that_is_not_prolonged_ends_by_itself() {
        let post = post();
        let begun = held(1, Some(Instant::now() + Duration::from_secs(5)));
        post.tenure.send_replace(Tenure::Held(begun.clone()));
        assert_eq!(post.held().await, begun);
        let prolonged = Instant::now() + Duration::from_secs(7);
        post.tenure.send_replace(Tenure::Held(held(1, Some(prolonged))));
        assert_eq!(post.over(&begun).await, Over::Lost);
        assert!(Instant::now() >= prolonged);
        let waiting = tokio::time::timeout(Duration::from_secs(60), post.held()).await;
        assert!(waiting.is_err(), "what has ended is not begun again");
    }

    #[tokio::test]
    async fn a_new_fence_is_another_tenure() {
        let post = post();
        post.tenure.send_replace(Tenure::Held(held(2, None)));
        assert_eq!(post.over(&held(1, None)).await, Over::Lost);
        post.lost(&held(1, None)).await;
    }

    #[tokio::test]
    async fn who_is_asked_before_it_has_begun_lets_it_go() {
        let post = post();
        let asked = held(1, None);
        post.tenure.send_replace(Tenure::Asked(asked.clone()));
        assert!(futures_util::FutureExt::now_or_never(post.held()).is_none());
        assert_eq!(*post.tenure.borrow(), Tenure::Done(asked));
    }

    #[tokio::test]
    async fn who_is_asked_may_finish() {
        let post = post();
        let begun = held(1, None);
        post.tenure.send_replace(Tenure::Asked(begun.clone()));
        assert_eq!(post.over(&begun).await, Over::Asked);
        assert!(futures_util::FutureExt::now_or_never(post.lost(&begun)).is_none());
        post.done();
        assert_eq!(*post.tenure.borrow(), Tenure::Done(begun.clone()));
        post.lost(&begun).await;
    }
}
