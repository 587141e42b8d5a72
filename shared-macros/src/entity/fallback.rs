//! What is emitted beside the errors: everything that other code names, and impls that do nothing, so that every other
//! use of the entity compiles and one mistake gives one message.

use proc_macro2::TokenStream;
use syn::Path;

use super::check::Model;
use super::surface::{new_ident, patch_ident, surface};
use crate::spans::generated;

pub(crate) fn fallback(krate: &Path, model: &Model) -> TokenStream {
    let surface = surface(krate, model);
    let (ident, new, patch) = (&model.ident, new_ident(model), patch_ident(model));
    let id = match model.id() {
        Some(column) => {
            let ty = &column.ty;
            generated!(#ty)
        }
        None => generated!(#krate::__private::Uuid),
    };
    generated! {
        #surface
        #[automatically_derived]
        impl #krate::entity::Entity for #ident {
            type Id = #id;
            type New = #new;
            type Patch = #patch;
            const DEF: &'static #krate::entity::EntityDef = #krate::__private::NO_ENTITY;
            fn id(&self) -> &Self::Id { #krate::__private::no_entity() }
            fn bind_row(&self, _: &mut #krate::db::Args) { #krate::__private::no_entity() }
            fn bind_columns(_: &[Self], _: &mut #krate::db::Args) { #krate::__private::no_entity() }
            fn from_row(_: &#krate::db::Row) -> #krate::Result<Self> { #krate::__private::no_entity() }
        }
        #[automatically_derived]
        impl #krate::entity::NewEntity for #new {
            type Entity = #ident;
            fn into_entity(self) -> #ident { #krate::__private::no_entity() }
        }
        #[automatically_derived]
        impl #krate::entity::EntityPatch for #patch {
            fn assign(&self, _: &mut #krate::entity::Assignments) { #krate::__private::no_entity() }
        }
    }
}
