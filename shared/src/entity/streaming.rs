//! Reading any number of rows, one after the other.

use std::collections::HashMap;

use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::Entity;
use super::keyset::complete;
use super::output::{Columns, Selected};
use super::query::{Limit, Query};
use super::select::Reading;
use crate::db::executor::Access;
use crate::error::Result;

/// How many rows are read at once where they are read by their ids.
const ROWS: usize = 250;

impl<E: Entity, O: Send + 'static> Query<E, O> {
    /// The rows one by one, however many there are: as fast as they are taken, in memory that does not grow with their
    /// number. They are those of one moment: what others change meanwhile is not seen.
    ///
    /// The stream holds a connection until it ends or is dropped.
    ///
    /// Inside a transaction, and on SQLite in memory, there is one connection for everything, and the stream leaves
    /// it to other statements between two rows. There it first reads the ids of all rows, and then the rows a few
    /// hundred at a time, each as it is by then. One that meanwhile was deleted, or does not pass the filter any more, is
    /// left out. So rows can be changed while they are read: none comes twice.
    pub fn stream(self) -> BoxStream<'static, Result<O>> {
        if self.executor.has_one_connection() {
            return by_ids(self);
        }
        let (sql, args) = self.select_rows(self.stream_limit());
        let output = self.output;
        let rows = self.executor.db().stream(sql, args, Some(&E::DEF.names));
        rows.map(move |row| output.read(&row?)).boxed()
    }

    fn stream_limit(&self) -> Option<usize> {
        match self.limit {
            Limit::Rows(rows) => Some(rows),
            Limit::Default | Limit::None => None,
        }
    }

    async fn ids(&self) -> Result<Ids> {
        let order = if self.order.is_empty() { Vec::new() } else { complete(E::DEF, &self.order) };
        let id = E::DEF.id_column();
        let reading = Reading {
            order: &order,
            limit: self.stream_limit().and_then(|rows| i64::try_from(rows).ok()),
            ..Reading::new(E::DEF, Columns::One(id.name))
        };
        let (sql, args) = self.rows.read(self.executor.engine(), &reading);
        let mut ids = Ids::default();
        let mut result = Ok(());
        let note = |row: crate::db::Row| match row.raw(0, id.shape.ty) {
            Ok(id) => ids.push(id.as_deref().unwrap_or_default()),
            Err(error) => result = Err(error),
        };
        self.executor.for_each(Access::Read, sql, args, Some(&E::DEF.names), note).await?;
        result.map(|()| ids)
    }

    /// The rows with these ids, in their order, as far as they still are what the query asks for.
    async fn with_ids(&self, ids: &[&[u8]]) -> Result<Vec<O>> {
        let id = E::DEF.id_column();
        let mut columns = Selected::new(E::DEF, self.output.columns);
        let position = columns.position(id.name);
        let reading = Reading { columns, only: Some(ids), ..Reading::new(E::DEF, Columns::All) };
        let (sql, args) = self.rows.read(self.executor.engine(), &reading);
        let mut found = HashMap::with_capacity(ids.len());
        for row in self.executor.fetch_all(Access::Read, sql, args, Some(&E::DEF.names)).await? {
            if let Some(id) = row.raw(position, id.shape.ty)? {
                found.insert(id, row);
            }
        }
        let rows = ids.iter().filter_map(|id| found.remove(*id));
        rows.map(|row| self.output.read(&row)).collect()
    }
}

fn by_ids<E: Entity, O: Send + 'static>(query: Query<E, O>) -> BoxStream<'static, Result<O>> {
    let chunks = stream::try_unfold((query, None), |(query, ids)| next(query, ids));
    chunks.map_ok(|rows| stream::iter(rows.into_iter().map(Ok))).try_flatten().boxed()
}

/// The next rows, and what there is to read after them.
async fn next<E: Entity, O: Send + 'static>(
    query: Query<E, O>,
    ids: Option<Ids>,
) -> Result<Option<(Vec<O>, (Query<E, O>, Option<Ids>))>> {
    let mut ids = match ids {
        Some(ids) => ids,
        None => query.ids().await?,
    };
    let (chunk, end) = ids.next(ROWS);
    if chunk.is_empty() {
        return Ok(None);
    }
    let rows = query.with_ids(&chunk).await?;
    ids.at = end;
    Ok(Some((rows, (query, Some(ids)))))
}

/// Ids as the engine has them, packed: each behind its length.
#[derive(Default)]
struct Ids {
    bytes: Vec<u8>,
    /// Where the first one begins that was not read yet.
    at: usize,
}

impl Ids {
    fn push(&mut self, id: &[u8]) {
        self.bytes.extend_from_slice(&(id.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(id);
    }

    /// So many of the next ones, and where the one after them begins.
    fn next(&self, ids: usize) -> (Vec<&[u8]>, usize) {
        let (mut next, mut at) = (Vec::with_capacity(ids), self.at);
        while next.len() < ids
            && let Some((length, rest)) = self.bytes.get(at..).and_then(|rest| rest.split_first_chunk())
        {
            let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
            next.extend(rest.get(..length));
            at += size_of::<u64>() + length;
        }
        (next, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_ids_come_out_as_they_went_in() {
        let mut ids = Ids::default();
        let all: [&[u8]; 4] = [b"", b"a", &[0; 300], b"b"];
        all.iter().for_each(|id| ids.push(id));
        let (first, at) = ids.next(3);
        assert_eq!(first, all[..3]);
        ids.at = at;
        let (last, at) = ids.next(3);
        assert_eq!(last, all[3..]);
        ids.at = at;
        assert_eq!(ids.next(3), (vec![], at));
    }
}
