//! The rows that other rows refer to.

use std::collections::{HashMap, HashSet};

use super::Entity;
use super::column::Column;
use super::id::EntityId;
use super::repo::Repo;
use super::value::EntityValue;
use crate::error::Result;

/// Values that refer to a row by its id: the id, and `Option` of it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an id of type `{Id}`",
    label = "does not hold a `{Id}`",
    note = "give the field the type of the other entity's id, or `Option` of it"
)]
pub trait RefersTo<Id>: EntityValue {
    /// The id, if there is one.
    fn referred(&self) -> Option<&Id>;
}

#[diagnostic::do_not_recommend]
impl<Id: EntityId> RefersTo<Id> for Id {
    fn referred(&self) -> Option<&Id> {
        Some(self)
    }
}

#[diagnostic::do_not_recommend]
impl<Id: EntityId> RefersTo<Id> for Option<Id> {
    fn referred(&self) -> Option<&Id> {
        self.as_ref()
    }
}

impl<E: Entity> Repo<E> {
    /// The rows that the given ones refer to, by their ids: one query, however many rows there are.
    ///
    /// ```
    /// # use shared::prelude::*;
    /// # #[derive(Debug, Clone, Entity)]
    /// # #[entity(table = "patients")]
    /// # struct Patient { #[entity(id)] id: Uuid, name: Phi<String> }
    /// # #[derive(Debug, Clone, Entity)]
    /// # #[entity(table = "appointments")]
    /// # struct Appointment { #[entity(id)] id: Uuid, #[entity(references(Patient))] patient_id: Uuid }
    /// async fn waiting_room(db: &Db, today: &[Appointment]) -> Result<()> {
    ///     let patients = db.repo::<Patient>().load_many(today, Appointment::PATIENT_ID).await?;
    ///     for appointment in today {
    ///         let patient = &patients[&appointment.patient_id];
    ///         // …
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// What is NULL refers to nothing. A row that is marked as deleted is left out unless this is
    /// [`with_deleted`](Self::with_deleted).
    ///
    /// # Errors
    /// Those of the database.
    pub async fn load_many<'a, O, T>(
        &self,
        rows: impl IntoIterator<Item = &'a O>,
        by: Column<O, T, E>,
    ) -> Result<HashMap<E::Id, E>>
    where
        O: Entity,
        T: RefersTo<E::Id>,
    {
        let get = by.get.expect("a column that names another entity was made by `Column::reference`");
        let ids: HashSet<&E::Id> = rows.into_iter().filter_map(|row| get(row).referred()).collect();
        let ids: Vec<E::Id> = ids.into_iter().cloned().collect();
        let found = self.get_many(&ids).await?;
        Ok(found.into_iter().map(|entity| (entity.id().clone(), entity)).collect())
    }
}
