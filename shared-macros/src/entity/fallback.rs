//! What is emitted beside the errors: everything that other code names, and impls that do nothing, so that every other
//! use of the entity compiles and one mistake gives one message.

use proc_macro2::TokenStream;
use syn::Path;

use super::check::{Model, unsupported_number};
use super::surface::{impls, new_ident, patch_ident, types};
use crate::spans::{generated, in_block};

pub(crate) fn fallback(krate: &Path, model: &Model) -> TokenStream {
    let (types, impls) = (types(krate, model), impls(model));
    let (ident, new, patch) = (&model.ident, new_ident(model), patch_ident(model));
    let id = match model.id() {
        // reported, and no type of a column
        Some(column) if unsupported_number(&column.ty).is_some() => generated!(::core::primitive::i64),
        Some(column) => {
            let ty = &column.ty;
            generated!(#ty)
        }
        None => generated!(__shared::Uuid),
    };
    let block = in_block(
        krate,
        &generated! {
            #impls
            #[automatically_derived]
            impl __shared::Entity for #ident {
                type Id = #id;
                type New = #new;
                type Patch = #patch;
                const DEF: &'static __shared::EntityDef = __shared::NO_ENTITY;
                fn id(&self) -> &Self::Id { __shared::no_entity() }
                fn bind(_: &mut __shared::Insert<'_, Self>) { __shared::no_entity() }
                fn from_row(_: &__shared::Row) -> __shared::Result<Self> { __shared::no_entity() }
            }
            #[automatically_derived]
            impl __shared::NewEntity for #new {
                type Entity = #ident;
                fn into_entity(self) -> __shared::Result<#ident> { __shared::no_entity() }
            }
            #[automatically_derived]
            impl __shared::EntityPatch for #patch {
                fn assign(&self, _: &mut __shared::Assignments) { __shared::no_entity() }
            }
        },
    );
    generated!(#types #block)
}

/// The impls of a type that would be a column, for a block.
pub(crate) fn no_value(ident: &syn::Ident) -> TokenStream {
    generated! {
        #[automatically_derived]
        impl __shared::EntityValue for #ident {
            const TYPE: __shared::ColumnType = __shared::ColumnType::Text;
            fn bind_option(_: ::core::option::Option<&Self>, _: &mut __shared::Args) { __shared::no_entity() }
            fn bind_array<'a>(
                _: impl ::core::iter::Iterator<Item = ::core::option::Option<&'a Self>>,
                _: &mut __shared::Args,
            ) {
                __shared::no_entity()
            }
            fn read_option(_: &__shared::Row, _: usize) -> __shared::Result<::core::option::Option<Self>> {
                __shared::no_entity()
            }
        }
        #[automatically_derived]
        impl __shared::Comparable for #ident {}
    }
}
