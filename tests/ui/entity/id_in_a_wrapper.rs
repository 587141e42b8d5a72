// mistakes: 5

use shared::prelude::*;

macro_rules! entity {
    ($name:ident, $table:literal, $id:ty) => {
        #[derive(Debug, Clone, Entity)]
        #[entity(table = $table)]
        pub struct $name {
            #[entity(id, given)]
            pub id: $id,
            pub name: String,
        }
    };
}

entity!(Maybe, "maybes", Option<Uuid>);
entity!(Secret, "secrets", Phi<Uuid>);
entity!(Several, "several", Vec<Uuid>);
entity!(Moment, "moments", DateTime<Utc>);
entity!(Counted, "counted", u64);

// used elsewhere: still one message each
pub async fn read(db: &Db) -> Result<u64> {
    Ok(db.repo::<Maybe>().count().await? + db.repo::<Secret>().count().await?)
}

fn main() {}
