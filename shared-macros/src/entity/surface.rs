//! What a user of the entity names: `New…`, `…Patch`, the columns, the filters of its keys. It is there with
//! mistakes, too, so that the code around the entity makes sense to the compiler.

use proc_macro2::TokenStream;
use quote::{format_ident, quote_spanned};
use syn::{Attribute, Ident, Path};

use super::check::{Column, Model, Reference, Role, place};
use super::flatten::Flattened;
use super::key;
use crate::attribute::plain_name;
use crate::spans::{at, generated, respanned};
use crate::validate::{ValidatedField, field_orders, field_rules, table};

/// The types themselves; their impls are for a block.
pub(super) fn types(krate: &Path, model: &Model) -> TokenStream {
    let (new, patch) = (new_type(model), patch_type(model));
    let orders = ruled(model).into_iter().map(|(field, _)| field_orders(krate, field));
    generated!(#new #patch #(#orders)*)
}

/// The impls of the types and of the entity that take part in it.
pub(super) fn impls(model: &Model) -> TokenStream {
    let (new, patch, columns) = (validate_new(model), patch_impls(model), columns(model));
    generated! {
        use __shared::{Column as __Column, IntoValue as __IntoValue};
        #new #patch #columns
    }
}

pub(super) fn new_ident(model: &Model) -> Ident {
    format_ident!("New{}", plain_name(&model.ident), span = model.ident.span())
}

pub(super) fn patch_ident(model: &Model) -> Ident {
    format_ident!("{}Patch", plain_name(&model.ident), span = model.ident.span())
}

fn docs(column: &Column) -> TokenStream {
    docs_or(&column.docs, || format!("The column `{}`.", column.name))
}

fn value_doc(field: &Flattened) -> String {
    format!("The value `{}`, of several columns.", plain_name(&field.ident))
}

fn docs_or(docs: &[Attribute], text: impl FnOnce() -> String) -> TokenStream {
    match docs {
        [] => {
            let text = text();
            generated!(#[doc = #text])
        }
        docs => generated!(#(#docs)*),
    }
}

fn with_role(model: &Model, role: impl Fn(Role) -> bool) -> Vec<&Column> {
    model.columns.iter().filter(|column| role(column.role)).collect()
}

/// What a caller supplies, as far as it has rules, and whether a patch can set it.
pub(super) fn ruled(model: &Model) -> Vec<(&ValidatedField, bool)> {
    let columns = with_role(model, Role::is_given);
    let columns = columns.into_iter().map(|column| (&column.rules, column.role == Role::Plain));
    let fields = columns.chain(model.flattened.iter().map(|field| (&field.rules, true)));
    fields.filter(|(field, _)| !field.rules.is_empty()).collect()
}

fn new_type(model: &Model) -> TokenStream {
    let (vis, ident) = (&model.vis, new_ident(model));
    let doc = format!("What a new [`{}`] is made of.", plain_name(&model.ident));
    let fields = with_role(model, Role::is_given).into_iter().map(|column| {
        let (docs, Column { vis, ident, ty, .. }) = (docs(column), column);
        generated!(#docs #vis #ident: #ty,)
    });
    let fields = fields.chain(model.flattened.iter().map(|field| {
        let (docs, Flattened { vis, ident, ty, .. }) = (docs_or(&field.docs, || value_doc(field)), field);
        generated!(#docs #vis #ident: #ty,)
    }));
    generated! {
        #[doc = #doc]
        #[derive(::core::fmt::Debug, ::core::clone::Clone)]
        #vis struct #ident { #(#fields)* }
    }
}

fn validate_new(model: &Model) -> TokenStream {
    let ident = new_ident(model);
    let ruled = ruled(model);
    if ruled.is_empty() {
        return validate(&ident, None, None);
    }
    let (names, types): (Vec<_>, Vec<_>) = ruled.iter().map(|(field, _)| (&field.ident, &field.ty)).unzip();
    // written once, for the new row and for the patch
    let rules = ruled.iter().map(|(field, _)| {
        let (ident, rules) = (&field.ident, field_rules(field, &generated!(__value)));
        generated!(if let ::core::option::Option::Some(__value) = #ident { #rules })
    });
    let many = (ruled.len() > 6).then(|| generated!(#[allow(clippy::too_many_arguments)]));
    let call = generated!(Self::rules(__c, #(::core::option::Option::Some(&self.#names)),*));
    let fields: Vec<&ValidatedField> = ruled.iter().map(|(field, _)| *field).collect();
    let check = validate(&ident, table(&fields, &[]), Some(call));
    generated! {
        impl #ident {
            #many
            fn rules(__c: &mut __shared::Checker, #(#names: ::core::option::Option<&#types>),*) { #(#rules)* }
        }
        #check
    }
}

fn validate(ident: &Ident, table: Option<TokenStream>, body: Option<TokenStream>) -> TokenStream {
    let name = plain_name(ident);
    let parameter = if body.is_some() { generated!(__c) } else { generated!(_) };
    generated! {
        #[automatically_derived]
        impl __shared::Validate for #ident {
            const NAME: &'static str = #name;
            #table
            fn check(&self, #parameter: &mut __shared::Checker) { #body }
        }
    }
}

fn patch_type(model: &Model) -> TokenStream {
    let (vis, ident) = (&model.vis, patch_ident(model));
    let doc = format!("What an update of a [`{}`] changes; what is not set stays as it is.", plain_name(&model.ident));
    let fields = with_role(model, |role| role == Role::Plain)
        .into_iter()
        .map(|Column { ident, ty, .. }| (ident, ty))
        .chain(model.flattened.iter().map(|Flattened { ident, ty, .. }| (ident, ty)))
        .map(|(ident, ty)| generated!(#ident: ::core::option::Option<#ty>,));
    generated! {
        #[doc = #doc]
        #[derive(::core::fmt::Debug, ::core::clone::Clone, ::core::default::Default)]
        #[must_use]
        #vis struct #ident { #(#fields)* }
    }
}

fn patch_impls(model: &Model) -> TokenStream {
    let (vis, ident, new) = (&model.vis, patch_ident(model), new_ident(model));
    // a column called `new` has been refused
    let settable = with_role(model, |role| role == Role::Plain).into_iter().filter(|column| column.field != "new");
    let setters = settable.map(|column| {
        let Column { ident, ty, vis, .. } = column;
        let doc = format!("Sets the column `{}`.", column.name);
        let into = quote_spanned!(place(column)=> impl __IntoValue<#ty>);
        generated! {
            #[doc = #doc]
            #vis fn #ident(mut self, value: #into) -> Self {
                self.#ident = __shared::set(value);
                self
            }
        }
    });
    // of an id that the caller gives there are rules, but it never changes
    let given: Vec<TokenStream> = ruled(model)
        .into_iter()
        .map(
            |(ValidatedField { ident, .. }, can_be_set)| {
                if can_be_set { generated!(self.#ident.as_ref()) } else { generated!(::core::option::Option::None) }
            },
        )
        .collect();
    let (table, call) = if given.is_empty() {
        (None, None)
    } else {
        let table = generated!(const RULES: &'static [__shared::FieldRules] = <#new as __shared::Validate>::RULES;);
        (Some(table), Some(generated!(#new::rules(__c, #(#given),*))))
    };
    let check = validate(&ident, table, call);
    let values = model.flattened.iter().map(|Flattened { ident, ty, vis, .. }| {
        let doc = format!("Sets all columns of `{}`.", plain_name(ident));
        generated! {
            #[doc = #doc]
            #vis fn #ident(mut self, value: #ty) -> Self {
                self.#ident = ::core::option::Option::Some(value);
                self
            }
        }
    });
    generated! {
        impl #ident {
            /// Nothing is set yet.
            #vis fn new() -> Self { <Self as ::core::default::Default>::default() }
            #(#setters)*
            #(#values)*
        }
        #check
    }
}

fn constant(column: &Column) -> Ident {
    Ident::new(&column.field.to_uppercase(), column.ident.span())
}

/// The key as a value, for `upsert`.
fn unique(model: &Model, fields: &[&str], key: &TokenStream) -> TokenStream {
    let (vis, entity) = (&model.vis, &model.ident);
    let constant = format_ident!("UNIQUE_{}", fields.join("_and_").to_uppercase(), span = entity.span());
    let doc = format!("The key `{}`.", fields.join("`, `"));
    generated! {
        #[doc = #doc]
        #vis const #constant: __shared::UniqueKey<Self> = __shared::UniqueKey::#key;
    }
}

fn columns(model: &Model) -> TokenStream {
    let entity = &model.ident;
    // two of one name have been refused
    let twice = |i: usize, column: &Column| model.columns[..i].iter().any(|first| first.field == column.field);
    let constants = model.columns.iter().enumerate().filter(|(i, column)| !twice(*i, column)).map(|(_, column)| {
        let Column { ident, ty, vis, name, reference, .. } = column;
        let (constant, doc) = (constant(column), docs(column));
        match reference {
            None => generated!(#doc #vis const #constant: __Column<Self, #ty> = __Column::new(#name);),
            Some(Reference { entity, .. }) => generated! {
                #doc #vis const #constant: __Column<Self, #ty, #entity> = __Column::reference(#name, |__row| &__row.#ident);
            },
        }
    });
    let finders = model.uniques.iter().map(|key| {
        let columns: Vec<&Column> = key.columns.iter().map(|position| &model.columns[*position]).collect();
        let fields: Vec<&str> = columns.iter().map(|column| column.field.as_str()).collect();
        let by = format_ident!("by_{}", fields.join("_and_"), span = entity.span());
        let doc = format!("The row with this `{}`, of which there is at most one.", fields.join("` and `"));
        let vis = &model.vis;
        let (idents, types): (Vec<_>, Vec<_>) = columns.iter().map(|column| (&column.ident, &column.ty)).unzip();
        // what cannot be compared is reported where its type is
        let equals = columns.iter().zip(&idents).map(|(column, ident)| {
            let constant = constant(column);
            let column = respanned(generated!(Self::#constant), at(place(column)));
            generated!(#column.eq(#ident))
        });
        let rows = columns.iter().map(|column| column.of(&generated!(__row)));
        let only = key::filters(model, key, constant);
        let name = key::name(model, key, "key");
        let unique = unique(model, &fields, &generated!(new(#name, |__row: &Self| Self::#by(#(&#rows),*))));
        generated! {
            #[doc = #doc]
            #vis fn #by(#(#idents: impl __IntoValue<#types>),*) -> __shared::Filter<Self> {
                #(#equals)&* #only
            }
            #unique
        }
    });
    // an id that the caller gives may be there already
    let by_id = model.with(Role::GivenId).map(|column| unique(model, &[column.field.as_str()], &generated!(of_id())));
    generated!(impl #entity { #(#constants)* #(#finders)* #by_id })
}
