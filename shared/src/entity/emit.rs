//! Events that the writes of an entity publish, as its declaration says: `#[entity(emits(created = …))]`.

use std::fmt;

use super::Entity;
use crate::error::Result;
use crate::event::Draft;

/// One event that an entity emits, and what on.
pub struct Emit<E> {
    on: On<E>,
    draft: fn(&E) -> Result<Draft>,
}

enum On<E> {
    Created(Option<fn(&E) -> bool>),
    Updated(Option<fn(&E, &E) -> bool>),
    Deleted(Option<fn(&E) -> bool>),
    Restored(Option<fn(&E) -> bool>),
}

/// What is done to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Created,
    Updated,
    Deleted,
    Restored,
}

impl<E> fmt::Debug for Emit<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Emit").field(&self.kind()).finish()
    }
}

/// For generated code.
#[doc(hidden)]
impl<E> Emit<E> {
    #[must_use]
    pub const fn created(draft: fn(&E) -> Result<Draft>, when: Option<fn(&E) -> bool>) -> Self {
        Self { on: On::Created(when), draft }
    }

    #[must_use]
    pub const fn updated(draft: fn(&E) -> Result<Draft>, when: Option<fn(&E, &E) -> bool>) -> Self {
        Self { on: On::Updated(when), draft }
    }

    #[must_use]
    pub const fn deleted(draft: fn(&E) -> Result<Draft>, when: Option<fn(&E) -> bool>) -> Self {
        Self { on: On::Deleted(when), draft }
    }

    #[must_use]
    pub const fn restored(draft: fn(&E) -> Result<Draft>, when: Option<fn(&E) -> bool>) -> Self {
        Self { on: On::Restored(when), draft }
    }
}

impl<E> Emit<E> {
    fn kind(&self) -> Kind {
        match self.on {
            On::Created(_) => Kind::Created,
            On::Updated(_) => Kind::Updated,
            On::Deleted(_) => Kind::Deleted,
            On::Restored(_) => Kind::Restored,
        }
    }
}

/// A row that was written.
pub(super) enum Change<'a, E> {
    Created(&'a E),
    /// The row before, if a condition asks for it, and the row as it is now.
    Updated(Option<&'a E>, &'a E),
    /// As it was, or with its mark.
    Deleted(&'a E),
    Restored(&'a E),
}

/// Whether something is emitted when this is done to a row.
pub(super) fn any_on<E: Entity>(kind: Kind) -> bool {
    E::EMITS.iter().any(|emit| emit.kind() == kind)
}

/// Whether a condition compares an updated row with what it was before.
pub(super) fn compares<E: Entity>() -> bool {
    E::EMITS.iter().any(|emit| matches!(emit.on, On::Updated(Some(_))))
}

/// The events of one change, encoded.
pub(super) fn drafts<E: Entity>(change: &Change<'_, E>, drafts: &mut Vec<Draft>) -> Result<()> {
    for emit in E::EMITS {
        let row = match (&emit.on, change) {
            (On::Created(when), Change::Created(row))
            | (On::Deleted(when), Change::Deleted(row))
            | (On::Restored(when), Change::Restored(row)) => when.is_none_or(|when| when(row)).then_some(*row),
            (On::Updated(when), Change::Updated(before, row)) => match (when, before) {
                (Some(when), Some(before)) => when(before, row).then_some(*row),
                (Some(_), None) | (None, _) => Some(*row),
            },
            _ => None,
        };
        if let Some(row) = row {
            drafts.push((emit.draft)(row)?);
        }
    }
    Ok(())
}
