// mistakes: 3
use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, EntityEnum)]
pub enum Kind {
    Opened,
    Closed,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "clinic.{number}.{kind}")]
pub struct ClinicChanged {
    pub number: u32,
    pub kind: Kind,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "clinic.renamed")]
pub struct ClinicRenamed {
    pub number: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "clinic.{id}", type = "clinic.seen")]
pub struct ClinicSeen {
    pub id: Uuid,
}

#[derive(Debug, Clone, Event)]
#[event(domain = "clinic")]
pub enum ClinicEvent {
    Changed(ClinicChanged),
    Renamed(ClinicRenamed),
    Seen(ClinicSeen),
}

#[derive(Debug, Clone, Event)]
#[event(domain = "clinic", subset_of = ClinicEvent)]
pub enum Renamed {
    Renamed(ClinicRenamed),
}

#[subscribe("clinic.7.opened")]
async fn narrow(_event: ClinicChanged) {}

// "renamed" is no `Uuid`, so this does not deliver `ClinicSeen`
#[subscribe("clinic.renamed")]
async fn only_renamed(_event: Renamed) {}

#[subscribe("clinic.seven.opened")]
async fn number(_event: ClinicChanged) {}

#[subscribe("clinic.*.reopened")]
async fn kind(_event: ClinicChanged) {}

#[subscribe("clinic.-7.opened")]
async fn domain(_event: ClinicEvent) {}

pub fn subscribers() -> usize {
    shared::subscribers![narrow, only_renamed, number, kind, domain].len()
}

fn main() {}
