use shared::prelude::*;

#[respond("ward.beds.count")]
pub struct Count;

fn main() {}
