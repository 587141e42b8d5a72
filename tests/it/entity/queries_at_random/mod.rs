//! Random queries over random rows, compared with a model in memory. A failure says its seed:
//! `QUERIES_SEED=<seed> cargo test -p tests --test entity queries_at_random` runs it again.

mod model;

use fastrand::Rng;
use futures_util::TryStreamExt as _;
use shared::entity::{Page, PageOf, Query};
use shared::{Db, entities};

use self::model::{Case, Reading, readings};
use crate::engines::on_every_engine;

on_every_engine!(random_queries_find_what_the_model_finds,);

const ROWS: usize = 80;
const QUERIES: usize = 100;

async fn random_queries_find_what_the_model_finds(db: Db) {
    let seed = match std::env::var("QUERIES_SEED") {
        Ok(seed) => seed.parse().expect("`QUERIES_SEED` is a number"),
        Err(_) => fastrand::u64(..),
    };
    // shown when the test fails
    println!("seed {seed}");
    let mut rng = Rng::with_seed(seed);
    db.create_tables(&entities![Reading]).await.unwrap();
    let mut rows = db.repo::<Reading>().create_many(readings(&mut rng, ROWS)).await.unwrap();
    for row in rows.iter_mut().step_by(11) {
        db.repo::<Reading>().delete(row).await.unwrap();
        *row = db.repo::<Reading>().with_deleted().get(row.id).await.unwrap();
    }
    let mut found = 0;
    for number in 0..QUERIES {
        let case = Case::random(&mut rng);
        let expected = case.expected(&rows);
        let check = Check { db: &db, case: &case, expected: &expected, says: format!("seed {seed}, query {number}") };
        found += expected.len();
        check.whole().await;
        check.pages(rng.usize(1..=ROWS / 4)).await;
        check.limited(rng.usize(..ROWS)).await;
    }
    assert!(found > QUERIES, "only {found} rows were found, seed {seed}");
}

struct Check<'a> {
    db: &'a Db,
    case: &'a Case,
    expected: &'a [Reading],
    says: String,
}

impl Check<'_> {
    fn query(&self) -> Query<Reading> {
        self.case.query(&self.db.repo())
    }

    fn same(&self, what: &str, found: &[Reading]) {
        let case = self.case;
        assert!(found == self.expected, "{what}, {}: {case:?}\n{found:#?}\n{:#?}", self.says, self.expected);
    }

    async fn whole(&self) {
        self.same("all", &self.case.sorted(self.query().all().await.unwrap()));
        let streamed: Vec<Reading> = self.query().stream().try_collect().await.unwrap();
        self.same("stream", &self.case.sorted(streamed));
        assert_eq!(self.query().count().await.unwrap(), self.expected.len() as u64, "{} {:?}", self.says, self.case);
        assert_eq!(self.query().exists().await.unwrap(), !self.expected.is_empty(), "{} {:?}", self.says, self.case);
        let in_transaction = self
            .db
            .transaction(async |tx| {
                let rows = self.case.query(&tx.repo()).stream().try_collect().await?;
                assert_eq!(self.case.query(&tx.repo()).lock_for_update().all().await?.len(), self.expected.len());
                Ok(rows)
            })
            .await;
        self.same("stream in a transaction", &self.case.sorted(in_transaction.unwrap()));
    }

    async fn limited(&self, limit: usize) {
        if !self.case.is_ordered() {
            return;
        }
        let expected = &self.expected[..limit.min(self.expected.len())];
        let found = self.query().limit(limit).all().await.unwrap();
        assert!(found == expected, "limit {limit}, {}: {:?}", self.says, self.case);
        assert!(self.query().first().await.unwrap().as_ref() == self.expected.first(), "first, {}", self.says);
        let texts = self.query().values(Reading::SOME_TEXT).limit(limit).all().await.unwrap();
        assert!(texts.iter().eq(expected.iter().map(|row| &row.some_text)), "values, {}", self.says);
    }

    /// Pages from the first to the last, and back, are all rows in their order.
    async fn pages(&self, limit: usize) {
        let mut expected = self.expected.to_vec();
        if !self.case.is_ordered() {
            expected.sort_by_key(|row| row.id);
        }
        let says = |what: &str| format!("{what}, limit {limit}, {}: {:?}", self.says, self.case);
        let total = expected.len() as u64;

        let (mut forward, mut page) = (Vec::new(), Page::first(limit));
        loop {
            let (PageOf { items, next, previous }, counted) = self.query().page_with_total(page).await.unwrap();
            assert_eq!(counted, total, "{}", says("total"));
            assert_eq!(previous.is_some(), !forward.is_empty() && !items.is_empty(), "{}", says("previous"));
            assert!(items.len() == limit || next.is_none(), "{}", says("a page that is not full is the last"));
            forward.extend(items);
            let Some(next) = next else { break };
            page = Page::after(next, limit);
        }
        assert!(forward == expected, "{}\n{forward:#?}\n{expected:#?}", says("pages"));

        let (mut backward, mut page) = (Vec::new(), Page::last(limit));
        loop {
            let PageOf { mut items, next, previous } = self.query().page(page).await.unwrap();
            assert_eq!(next.is_some(), !backward.is_empty() && !items.is_empty(), "{}", says("next"));
            items.reverse();
            backward.extend(items);
            let Some(previous) = previous else { break };
            page = Page::before(previous, limit);
        }
        backward.reverse();
        assert!(backward == expected, "{}\n{backward:#?}\n{expected:#?}", says("pages from the end"));
    }
}
