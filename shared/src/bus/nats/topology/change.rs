//! The differences of one stream or consumer, collected setting by setting.

use crate::bus::topology::{Refusal, TopologyChange};
use crate::error::{Error, Result};

/// The differences found so far.
pub(super) struct Changes {
    what: String,
    pub(super) list: Vec<TopologyChange>,
}

impl Changes {
    pub(super) fn of(what: String) -> Self {
        Self { what, list: Vec::new() }
    }

    /// All of it is missing.
    #[cfg(feature = "cli")]
    pub(super) fn missing(mut self) -> Self {
        self.push("", String::new(), String::new(), None);
        self
    }

    /// A difference that loses nothing: the server gets what is declared.
    pub(super) fn safe(&mut self, setting: &str, declared: impl Into<String>, server: impl Into<String>) {
        self.push(setting, declared.into(), server.into(), None);
    }

    /// A difference that somebody has to look at.
    pub(super) fn refused(
        &mut self,
        setting: &str,
        declared: impl Into<String>,
        server: impl Into<String>,
        refusal: Refusal,
    ) {
        self.push(setting, declared.into(), server.into(), Some(refusal));
    }

    fn push(&mut self, setting: &str, declared: String, server: String, refusal: Option<Refusal>) {
        let (what, setting) = (self.what.clone(), setting.to_owned());
        self.list.push(TopologyChange { what, setting, declared, server, refusal });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Refuses what has a difference that is not safe.
    pub(super) fn check(&self) -> Result<()> {
        let refused = self.list.iter().find_map(|change| change.refusal.as_ref().map(|refusal| (change, refusal)));
        let Some((change, Refusal { variable, why, help })) = refused else { return Ok(()) };
        let TopologyChange { what, setting, declared, server, .. } = change;
        Err(Error::config(
            *variable,
            format!("{what} exists on the server with the {setting} {server}, but declared is {declared}; {why}"),
            help,
        ))
    }

    /// Says what is changed.
    pub(super) fn report(&self) {
        for TopologyChange { what, setting, declared, server, .. } in &self.list {
            tracing::warn!("{what} had the {setting} {server}; it gets what is declared: {declared}");
        }
    }
}
