//! The table of claims.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::database::{Claim, Database, disconnected};
use super::process::Process;
use crate::db::claim::Seen;
use crate::db::fence::Fence;
use crate::error::Result;
use crate::service::claims::table::ClaimTable;

pub(super) struct ModelClaims {
    pub(super) database: Arc<Database>,
    pub(super) process: Arc<Process>,
    pub(super) holder: Uuid,
    pub(super) backend: Option<u64>,
}

impl ModelClaims {
    async fn trip(&mut self) -> Result<u64> {
        if let Err(error) = self.database.trip(&self.process).await {
            self.backend = None;
            self.database.tables().backends.retain(|_, process| *process != self.process.id);
            return Err(error);
        }
        let mut tables = self.database.tables();
        match self.backend {
            Some(backend) if tables.backends.contains_key(&backend) => Ok(backend),
            // it has broken since, which is noticed when it is used
            Some(_) => {
                self.backend = None;
                Err(disconnected())
            }
            None => {
                let backend = tables.backends.last_key_value().map_or(1, |(last, _)| last + 1);
                let backend = backend.max(tables.claims.values().map(|claim| claim.backend + 1).max().unwrap_or(1));
                tables.backends.insert(backend, self.process.id);
                self.backend = Some(backend);
                Ok(backend)
            }
        }
    }
}

impl ClaimTable for ModelClaims {
    async fn renew(&mut self) -> Result<HashMap<String, i64>> {
        let backend = self.trip().await?;
        let mut fences = HashMap::new();
        for (name, claim) in &mut self.database.tables().claims {
            if claim.holder == Some(self.holder) {
                (claim.beat, claim.backend) = (claim.beat + 1, backend);
                fences.insert(name.clone(), claim.fence);
            }
        }
        Ok(fences)
    }

    async fn look(&mut self) -> Result<HashMap<String, Seen>> {
        self.trip().await?;
        let tables = self.database.tables();
        let seen = |claim: &Claim| Seen {
            held: claim.holder.is_some(),
            fence: claim.fence,
            beat: claim.beat,
            connected: tables.backends.contains_key(&claim.backend),
        };
        Ok(tables.claims.iter().map(|(name, claim)| (name.clone(), seen(claim))).collect())
    }

    async fn take(&mut self, name: &str, seen: Option<&Seen>) -> Result<Option<Fence>> {
        let backend = self.trip().await?;
        let mut tables = self.database.tables();
        let known = tables.claims.get(name).cloned();
        let fence = match (known, seen) {
            (None, None) => 1,
            (Some(claim), Some(seen)) if (claim.fence, claim.beat) == (seen.fence, seen.beat) => claim.fence + 1,
            _ => return Ok(None),
        };
        let claim = tables.claims.entry(name.to_owned()).or_default();
        (claim.holder, claim.backend, claim.fence) = (Some(self.holder), backend, fence);
        claim.beat = seen.map_or(0, |seen| seen.beat + 1);
        self.database.world.sim.note(|| format!("process {} takes {name}, fence {fence}", self.process.id));
        Ok(Some(Fence { claim: name.into(), number: fence }))
    }

    async fn open(&mut self, name: &str) -> Result<usize> {
        self.trip().await?;
        let open = self.database.open_under(name);
        // from here on it is this one's turn
        if open == 0
            && let Some(claim) = self.database.tables().claims.get_mut(name)
            && claim.holder == Some(self.holder)
        {
            claim.active = claim.fence;
        }
        Ok(open)
    }

    async fn end_open(&mut self, name: &str) -> Result<()> {
        self.trip().await?;
        self.database.end_under(name);
        Ok(())
    }

    async fn release(&mut self, name: &str) -> Result<()> {
        self.trip().await?;
        if let Some(claim) = self.database.tables().claims.get_mut(name)
            && claim.holder == Some(self.holder)
        {
            (claim.holder, claim.beat) = (None, claim.beat + 1);
        }
        Ok(())
    }

    async fn forget(&mut self, name: &str, seen: &Seen) -> Result<()> {
        self.trip().await?;
        let mut tables = self.database.tables();
        if tables.claims.get(name).is_some_and(|claim| (claim.fence, claim.beat) == (seen.fence, seen.beat)) {
            tables.claims.remove(name);
        }
        Ok(())
    }

    async fn close(self) {
        let Some(backend) = self.backend else { return };
        self.database.tables().backends.remove(&backend);
    }
}
