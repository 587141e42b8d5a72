/// The resource types that the clinic reads, in the order in which they must be stored: what is referred to first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Organization,
    Practitioner,
    Patient,
    Encounter,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Organization, Self::Practitioner, Self::Patient, Self::Encounter];

    /// `resourceType`, and what a Bulk Data file of it is named after.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Organization => "Organization",
            Self::Practitioner => "Practitioner",
            Self::Patient => "Patient",
            Self::Encounter => "Encounter",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
