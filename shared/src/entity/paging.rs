//! Reading pages.

use super::column::OrderBy;
use super::cursor::Cursor;
use super::keyset::{Position, complete, reversed};
use super::output::Selected;
use super::page::{Page, PageOf};
use super::query::{Limit, Query};
use super::select::Reading;
use super::{Entity, read_count};
use crate::db::Row;
use crate::db::executor::Access;
use crate::error::{Error, Result};

impl<E: Entity, O: Send + 'static> Query<E, O> {
    /// A page of the rows, in the order of the query, by the id where nothing else decides.
    ///
    /// The next page begins after the last row of this one, wherever that is by then: rows that come or go meanwhile
    /// neither shift it nor make it slower, however far in. It needs the same filter and the same order; the limit
    /// may be another one.
    ///
    /// ```
    /// # use shared::prelude::*;
    /// # #[derive(Debug, Entity)]
    /// # #[entity(table = "appointments", index(starts_at))]
    /// # struct Appointment { #[entity(id)] id: Uuid, starts_at: DateTime<Utc> }
    /// async fn of_day(db: &Db, day: DateTime<Utc>, page: Page) -> Result<PageOf<Appointment>> {
    ///     let query = db.repo::<Appointment>().query().filter(Appointment::STARTS_AT.ge(day));
    ///     query.order_by(Appointment::STARTS_AT.asc()).page(page).await
    /// }
    ///
    /// async fn two_pages(db: &Db, day: DateTime<Utc>) -> Result<()> {
    ///     let first = of_day(db, day, Page::first(50)).await?;
    ///     if let Some(cursor) = first.next {
    ///         let second = of_day(db, day, Page::after(cursor, 50)).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// A filter with another value is another query. So a filter must not take the time anew for each page: `now` is a
    /// value that the client gets with the first page and hands back, or the beginning of the day.
    ///
    /// # Errors
    /// [`Error::Cursor`]: the cursor is none of this query's. [`Error::Invalid`]: the limit is not 1 to
    /// [`MAX_PAGE`](super::MAX_PAGE). [`Error::Usage`]: the query has a limit of its own. [`Error::Config`]: there is no
    /// key for cursors. Those of the database.
    pub async fn page(self, page: Page) -> Result<PageOf<O>> {
        let read = self.prepare(&page).await?;
        let (sql, args) = self.rows.read(self.executor.engine(), &read.reading());
        let rows = self.executor.fetch_all(Access::Read, sql, args, Some(&E::DEF.names)).await?;
        self.finish(&page, read, rows).await
    }

    /// The same, with the number of rows on all pages together, in one statement. To count them, all of them are
    /// looked at.
    ///
    /// # Errors
    /// As [`page`](Self::page).
    pub async fn page_with_total(self, page: Page) -> Result<(PageOf<O>, u64)> {
        let mut read = self.prepare(&page).await?;
        let id = read.columns.position(E::DEF.roles.id);
        let (sql, args) = self.rows.read_with_total(self.executor.engine(), &read.reading());
        let mut rows = self.executor.fetch_all(Access::Read, sql, args, Some(&E::DEF.names)).await?;
        let total = read_count(rows.first(), read.columns.len())?;
        // the number alone, without a row
        if let Some(row) = rows.first()
            && row.raw(id, E::DEF.id_column().shape.ty)?.is_none()
        {
            rows.clear();
        }
        Ok((self.finish(&page, read, rows).await?, total))
    }

    async fn prepare(&self, page: &Page) -> Result<Prepared> {
        let limit = page.checked_limit()?;
        if !matches!(self.limit, Limit::Default) {
            let why = "a page has a limit of its own; leave out `.limit(..)` or `.unlimited()`";
            return Err(Error::Usage(why.into()));
        }
        let order = complete(E::DEF, &self.order);
        let identity = self.rows.identity(self.executor.engine(), &order)?;
        let after = match page.cursor() {
            Some(cursor) => {
                let bytes = cursor.open(&self.executor.cursor_key().await?, &identity)?;
                Some(Position::decode(&bytes, &order)?)
            }
            None => None,
        };
        let mut columns = Selected::new(E::DEF, self.output.columns);
        let positions = order.iter().map(|by| columns.position(by.column)).collect();
        // what comes before a position comes after it in the opposite order
        let order = if page.is_backward() { reversed(&order) } else { order };
        Ok(Prepared { limit, order, positions, columns, after, identity })
    }

    async fn finish(&self, page: &Page, read: Prepared, mut rows: Vec<Row>) -> Result<PageOf<O>> {
        let more = rows.len() > read.limit;
        rows.truncate(read.limit);
        if page.is_backward() {
            rows.reverse();
        }
        // whoever comes from a position knows that there was a row
        let (before, after) = match page.is_backward() {
            false => (read.after.is_some(), more),
            true => (more, read.after.is_some()),
        };
        let previous = self.cursor(&read, rows.first().filter(|_| before)).await?;
        let next = self.cursor(&read, rows.last().filter(|_| after)).await?;
        let items = rows.iter().map(|row| self.output.read(row)).collect::<Result<_>>()?;
        Ok(PageOf { items, next, previous })
    }

    async fn cursor(&self, read: &Prepared, row: Option<&Row>) -> Result<Option<Cursor>> {
        let Some(row) = row else { return Ok(None) };
        let values = read.order.iter().zip(&read.positions).map(|(by, index)| row.raw(*index, by.ty));
        let position = Position(values.collect::<Result<_>>()?);
        let key = self.executor.cursor_key().await?;
        Cursor::seal(&key, &read.identity, &position.encode()).map(Some)
    }
}

/// A page that is about to be read.
struct Prepared {
    limit: usize,
    order: Vec<OrderBy>,
    /// Where in a row the columns of the order are.
    positions: Vec<usize>,
    columns: Selected,
    after: Option<Position>,
    identity: Vec<u8>,
}

impl Prepared {
    fn reading(&self) -> Reading<'_> {
        Reading {
            columns: self.columns.clone(),
            order: &self.order,
            after: self.after.as_ref(),
            only: None,
            // one more, to see whether there are more
            limit: i64::try_from(self.limit + 1).ok(),
            lock: None,
        }
    }
}
