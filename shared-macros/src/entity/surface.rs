//! What a user of the entity names: `New…`, `…Patch`, the columns, the filters of its keys. It is there with
//! mistakes, too, so that the code around the entity makes sense to the compiler.

use proc_macro2::TokenStream;
use quote::{format_ident, quote_spanned};
use syn::{Ident, Path};

use super::check::{Column, Model, Role, place};
use crate::attribute::plain_name;
use crate::spans::generated;
use crate::validate::{field_orders, field_rules};

pub(super) fn surface(krate: &Path, model: &Model) -> TokenStream {
    let (new, patch, columns) = (new(krate, model), patch(krate, model), columns(krate, model));
    generated!(#new #patch #columns)
}

pub(super) fn new_ident(model: &Model) -> Ident {
    format_ident!("New{}", plain_name(&model.ident), span = model.ident.span())
}

pub(super) fn patch_ident(model: &Model) -> Ident {
    format_ident!("{}Patch", plain_name(&model.ident), span = model.ident.span())
}

fn docs(column: &Column) -> TokenStream {
    match column.docs.as_slice() {
        [] => {
            let text = format!("The column `{}`.", column.name);
            generated!(#[doc = #text])
        }
        docs => generated!(#(#docs)*),
    }
}

fn new(krate: &Path, model: &Model) -> TokenStream {
    let (vis, ident, entity) = (&model.vis, new_ident(model), &model.ident);
    let doc = format!("What a new [`{}`] is made of.", plain_name(entity));
    let fields = model.columns.iter().filter(|column| column.role.is_given()).map(|column| {
        let (docs, Column { vis, ident, ty, .. }) = (docs(column), column);
        generated!(#docs #vis #ident: #ty,)
    });
    let name = plain_name(&ident);
    let ruled: Vec<&Column> =
        model.columns.iter().filter(|column| column.role.is_given() && !column.rules.rules.is_empty()).collect();
    let (names, types): (Vec<_>, Vec<_>) = ruled.iter().map(|column| (&column.ident, &column.ty)).unzip();
    // written once, for the new row and for the patch
    let rules = (!ruled.is_empty()).then(|| {
        let rules = ruled.iter().map(|column| {
            let (ident, calls) = (&column.ident, field_rules(krate, &column.rules, &generated!(value)));
            generated!(if let ::core::option::Option::Some(value) = #ident { #calls })
        });
        let orders = ruled.iter().map(|column| field_orders(krate, &column.rules));
        generated! {
            #(#orders)*
            #[automatically_derived]
            impl #ident {
                fn rules(checker: &mut #krate::validate::Checker, #(#names: ::core::option::Option<&#types>),*) { #(#rules)* }
            }
        }
    });
    let check = validate(krate, &ident, &name, rules.is_some().then(|| {
        generated!(Self::rules(checker, #(::core::option::Option::Some(&self.#names)),*))
    }));
    generated! {
        #[doc = #doc]
        #[derive(::core::fmt::Debug, ::core::clone::Clone)]
        #vis struct #ident { #(#fields)* }
        #rules
        #check
    }
}

fn validate(krate: &Path, ident: &Ident, name: &str, body: Option<TokenStream>) -> TokenStream {
    let parameter = if body.is_some() { generated!(checker) } else { generated!(_) };
    generated! {
        #[automatically_derived]
        impl #krate::validate::Validate for #ident {
            const NAME: &'static str = #name;
            fn check(&self, #parameter: &mut #krate::validate::Checker) { #body }
        }
    }
}

fn patch(krate: &Path, model: &Model) -> TokenStream {
    let (vis, ident, entity) = (&model.vis, patch_ident(model), &model.ident);
    let new = new_ident(model);
    let doc = format!("What an update of a [`{}`] changes; what is not set stays as it is.", plain_name(entity));
    let name = plain_name(&ident);
    let plain: Vec<&Column> = model.columns.iter().filter(|column| column.role == Role::Plain).collect();
    let fields = plain.iter().map(|Column { ident, ty, .. }| generated!(#ident: ::core::option::Option<#ty>,));
    let setters = plain.iter().map(|column| {
        let Column { ident, ty, vis, .. } = column;
        let doc = format!("Sets the column `{}`.", column.name);
        let into = quote_spanned!(place(column)=> impl #krate::entity::IntoValue<#ty>);
        generated! {
            #[doc = #doc]
            #[must_use]
            #vis fn #ident(mut self, value: #into) -> Self {
                self.#ident = ::core::option::Option::Some(#krate::entity::IntoValue::into_value(value));
                self
            }
        }
    });
    // of an id that the caller gives there are rules, but it never changes
    let ruled = model.columns.iter().filter(|column| column.role.is_given() && !column.rules.rules.is_empty());
    let given: Vec<TokenStream> = ruled
        .map(|Column { ident, role, .. }| match role {
            Role::Plain => generated!(self.#ident.as_ref()),
            _ => generated!(::core::option::Option::None),
        })
        .collect();
    let check = validate(krate, &ident, &name, (!given.is_empty()).then(|| generated!(#new::rules(checker, #(#given),*))));
    generated! {
        #[doc = #doc]
        #[derive(::core::fmt::Debug, ::core::clone::Clone, ::core::default::Default)]
        #vis struct #ident { #(#fields)* }
        #[automatically_derived]
        impl #ident {
            /// Nothing is set yet.
            #[must_use]
            #vis fn new() -> Self { <Self as ::core::default::Default>::default() }
            #(#setters)*
        }
        #check
    }
}

fn constant(column: &Column) -> Ident {
    Ident::new(&column.field.to_uppercase(), column.ident.span())
}

fn columns(krate: &Path, model: &Model) -> TokenStream {
    let entity = &model.ident;
    let constants = model.columns.iter().map(|column| {
        let Column { ty, vis, name, .. } = column;
        let (constant, doc) = (constant(column), docs(column));
        generated!(#doc #vis const #constant: #krate::entity::Column<Self, #ty> = #krate::entity::Column::new(#name);)
    });
    let finders = model.uniques.iter().map(|key| {
        let columns: Vec<&Column> = key.columns.iter().map(|position| &model.columns[*position]).collect();
        let fields: Vec<&str> = columns.iter().map(|column| column.field.as_str()).collect();
        let by = format_ident!("by_{}", fields.join("_and_"), span = entity.span());
        let doc = format!("The row with this `{}`, of which there is at most one.", fields.join("` and `"));
        let vis = &model.vis;
        let (idents, types): (Vec<_>, Vec<_>) = columns.iter().map(|column| (&column.ident, &column.ty)).unzip();
        let constants = columns.iter().map(|column| constant(column));
        generated! {
            #[doc = #doc]
            #vis fn #by(#(#idents: impl #krate::entity::IntoValue<#types>),*) -> #krate::entity::Filter<Self> {
                #(#krate::entity::Column::eq(Self::#constants, #idents))&*
            }
        }
    });
    generated! {
        #[automatically_derived]
        impl #entity { #(#constants)* #(#finders)* }
    }
}
