//! Reads a folder of FHIR R4 records, in the two layouts found in the wild.
//!
//! ```no_run
//! # use clinic::fhir::{Folder, Item};
//! # fn main() -> Result<(), clinic::fhir::FolderError> {
//! let folder = Folder::open("sample")?;
//! for item in folder.records() {
//!     match item {
//!         Item::Patient(patient) => println!("patient {}", patient.source_id),
//!         Item::Problem(problem) => eprintln!("{problem}"),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What is wrong in the input is a [`Problem`] among the items, and reading goes on. What is refused and what is only
//! left out: a file, line or resource that does not have the shape of FHIR, or lacks what a record needs (an id, a name,
//! an encounter's status and class), gives no record. A date in an otherwise good resource that is none is left out of
//! its record. Whatever FHIR allows to be absent is `None` without a word.

mod bundle;
mod date;
mod decode;
mod element;
mod folder;
mod input;
mod kind;
mod label;
mod ndjson;
mod problem;
mod record;
mod records;
mod reference;
mod source;
#[cfg(test)]
mod tests;

pub use folder::{Folder, FolderError};
pub use problem::{Problem, Reason};
pub use record::{Encounter, EncounterClass, EncounterStatus, Item, Organization, Patient, Practitioner};
pub use records::Records;
pub use reference::Reference;
