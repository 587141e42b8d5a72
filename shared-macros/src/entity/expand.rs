//! From the checked model to the impls. Nothing here can fail.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::{Ident, Path, Type};

use super::check::{Column, Model, OnDelete, Reference, Role, place};
use super::name::of_constraint;
use super::sql::{Engine, Statements};
use super::surface::{impls, new_ident, patch_ident, ruled, types};
use super::{emits, key};
use crate::attribute::plain_name;
use crate::spans::{generated, in_block, respanned};
use crate::validate::calls;

pub(crate) fn expand(krate: &Path, model: &Model) -> TokenStream {
    let types = types(krate, model);
    let (impls, entity, new) = (impls(model), entity(model), new_entity(model));
    let (patch, checks) = (patch(model), checks(model));
    let block = generated! {
        use __shared::EntityValue as __Value;
        #impls #entity #new #patch #checks
    };
    let block = in_block(krate, &block);
    generated!(#types #block)
}

/// `<Type as Trait>`, to be judged at the type. The compiler says the same thing about the same type and trait at the
/// same place once, however often it is asked.
fn judged(column: &Column, bound: &TokenStream) -> TokenStream {
    let ty = &column.ty;
    let open = quote_spanned!(place(column)=> <);
    generated!(#open #ty as #bound>)
}

fn value(column: &Column) -> TokenStream {
    judged(column, &generated!(__Value))
}

fn entity(model: &Model) -> TokenStream {
    let Model { ident, columns, .. } = model;
    let skipped = skipped(model);
    let (new, patch, (column_defs, def)) = (new_ident(model), patch_ident(model), def(model));
    let Some(Column { ident: id, ty: id_type, .. }) = model.id() else { return TokenStream::new() };
    let bound = columns.iter().map(|column| {
        let (value, of_row) = (value(column), column.of(&generated!(__row)));
        // of a part, the compiler finds the type: that the declared one fits is checked elsewhere, once
        let bind =
            if column.role == Role::Part { generated!(__shared::bind_part) } else { generated!(#value::bind_to) };
        generated!(#bind(__insert, |__row| &#of_row);)
    });
    let read = columns.iter().enumerate().filter(|(_, column)| column.role != Role::Part).map(|(position, column)| {
        let (ident, value) = (&column.ident, value(column));
        generated!(#ident: #value::read(__row, #position)?,)
    });
    let flattened = model.flattened.iter().map(|field| field.read_from(model));
    let version = model.with(Role::Version).map(|column| {
        let (ident, version) = (&column.ident, judged(column, &generated!(__shared::Version)));
        generated! {
            fn version(&self) -> ::core::option::Option<i64> { #version::number(&self.#ident) }
        }
    });
    let (whole, (emits, _)) = (whole(model), emits::expand(model));
    generated! {
        #column_defs
        #[automatically_derived]
        impl __shared::Entity for #ident {
            type Id = #id_type;
            type New = #new;
            type Patch = #patch;
            const DEF: &'static __shared::EntityDef = &#def;
            #emits
            fn id(&self) -> &Self::Id { &self.#id }
            #version
            #whole
            fn bind(__insert: &mut __shared::Insert<'_, Self>) {
                #(#bound)*
            }
            fn from_row(__row: &__shared::Row) -> __shared::Result<Self> {
                ::core::result::Result::Ok(Self {
                    #(#read)*
                    #(#flattened)*
                    #(#skipped)*
                })
            }
        }
    }
}

/// The fields that are not stored, each with its default.
fn skipped(model: &Model) -> Vec<TokenStream> {
    let default = |(ident, ty): &(Ident, Type)| {
        let open = quote_spanned!(ty.span()=> <);
        generated!(#ident: #open #ty as __shared::Skipped>::value(),)
    };
    model.skipped.iter().map(default).collect()
}

/// The rules of the struct itself: on the entity as it is, and as a patch would make it.
fn whole(model: &Model) -> Option<TokenStream> {
    if model.whole.is_empty() {
        return None;
    }
    let calls = calls(&model.whole, &model.ident, &generated!(self));
    let fields = model.columns.iter().filter(|column| column.role != Role::Part);
    let flattened = model.flattened.iter().map(|field| (&field.ident, Role::Plain));
    let fields =
        fields.map(|Column { ident, role, .. }| (ident, *role)).chain(flattened).map(|(ident, role)| match role {
            Role::Plain => generated!(#ident: __shared::patched(&self.#ident, __patch.#ident.as_ref()),),
            _ => generated!(#ident: __shared::patched(&self.#ident, ::core::option::Option::None),),
        });
    let skipped = skipped(model);
    Some(generated! {
        fn check_whole(&self, __c: &mut __shared::Checker) { #calls }
        fn check_patched(&self, __patch: &Self::Patch, __c: &mut __shared::Checker) {
            let __patched = Self { #(#fields)* #(#skipped)* };
            <Self as __shared::Entity>::check_whole(&__patched, __c);
        }
    })
}

/// The columns, as an item, and the rest of what is known about the entity.
fn def(model: &Model) -> (TokenStream, TokenStream) {
    let (name, table) = (plain_name(&model.ident), &model.table);
    let (new, ruled) = (new_ident(model), if model.checked { ruled(model) } else { Vec::new() });
    let columns = model.columns.iter().map(|column| {
        let (Column { name, field, .. }, value) = (column, value(column));
        let renamed = (name != field).then(|| generated!(.of_field(#field)));
        let rules = ruled.iter().position(|(ruled, _)| ruled.ident == column.ident);
        let rules = rules.map(|at| generated!(.ruled(<#new as __shared::Validate>::RULES[#at].rules)));
        generated!(#value::SHAPE.column(#name) #renamed #rules)
    });
    let id = model.id().map(|column| &column.name);
    let given = model.with(Role::GivenId).is_some().then(|| generated!(.given()));
    let roles = model.columns.iter().filter_map(|Column { role, name, .. }| {
        let role = Ident::new(role.name()?, Span::mixed_site());
        Some(generated!(.#role(#name)))
    });
    let uniques = model.uniques.iter().map(|key| key::def(model, key, "key"));
    let indexes = model.indexes.iter().map(|key| key::def(model, key, "idx"));
    let references = model.columns.iter().filter_map(|column| {
        let (reference, Column { name, .. }) = (column.reference.as_ref()?, column);
        let constraint = of_constraint(table, [name.as_str()], "fkey");
        let target = target_entity(&reference.entity);
        let on_delete = reference.on_delete.map(|(on_delete, _)| {
            let on_delete = Ident::new(&format!("{on_delete:?}"), Span::mixed_site());
            generated!(.on_delete(__shared::OnDelete::#on_delete))
        });
        Some(generated!(__shared::ReferenceDef::new(#constraint, #name, || #target::DEF) #on_delete))
    });
    let (sql, (_, emits)) = (statements(model), emits::expand(model));
    let uniques = list("uniques", uniques.collect());
    let indexes = list("indexes", indexes.collect());
    let references = list("references", references.collect());
    let def = generated! {
        __shared::EntityDef::of(#name, #table, __COLUMNS, __shared::Roles::of(#id) #given #(#roles)*, #sql)
            #uniques #indexes #references #emits
    };
    (generated!(const __COLUMNS: &[__shared::ColumnDef] = &[#(#columns),*];), def)
}

/// `.uniques(&[..])`, if there are some.
fn list(name: &str, entries: Vec<TokenStream>) -> Option<TokenStream> {
    let name = Ident::new(name, Span::mixed_site());
    (!entries.is_empty()).then(|| generated!(.#name(&[#(#entries),*])))
}

fn target_entity(target: &Path) -> TokenStream {
    let open = quote_spanned!(target.span()=> <);
    generated!(#open #target as __shared::Entity>)
}

fn statements(model: &Model) -> TokenStream {
    let [postgres, sqlite] = [Engine::Postgres, Engine::Sqlite].map(|engine| Statements::of(model, engine));
    let columns = &postgres.columns;
    let sql = |of: fn(&Statements) -> &str| both(of(&postgres), of(&sqlite));
    let (insert, get, exists) = (sql(|all| &all.insert), sql(|all| &all.get), sql(|all| &all.exists));
    let (count, delete) = (sql(|all| &all.count), sql(|all| &all.delete));
    let delete_by_id = sql(|all| &all.delete_by_id);
    let restore = match (&postgres.restore, &sqlite.restore) {
        (Some(postgres), Some(sqlite)) => {
            let sql = both(postgres, sqlite);
            generated!(::core::option::Option::Some(#sql))
        }
        _ => generated!(::core::option::Option::None),
    };
    generated! {
        __shared::Statements {
            columns: #columns,
            insert: #insert,
            get: #get,
            exists: #exists,
            count: #count,
            delete_by_id: #delete_by_id,
            delete: #delete,
            restore: #restore,
        }
    }
}

/// A statement in both dialects.
fn both(postgres: &str, sqlite: &str) -> TokenStream {
    if postgres == sqlite {
        return generated!(__shared::Sql::same(#postgres));
    }
    generated!(__shared::Sql { postgres: #postgres, sqlite: #sqlite })
}

fn new_entity(model: &Model) -> TokenStream {
    let (ident, new, skipped) = (&model.ident, new_ident(model), skipped(model));
    let dated = [Role::CreatedAt, Role::UpdatedAt].into_iter().any(|role| model.with(role).is_some());
    let now = dated.then(|| generated!(let __now = __shared::now();));
    let entity = plain_name(ident);
    let flattened = model.flattened.iter().map(|field| field.stored(model));
    let fields = model.columns.iter().filter(|column| column.role != Role::Part).map(|column| {
        let ident = &column.ident;
        let judged = |bound| judged(column, &bound);
        let value = match column.role {
            Role::Plain | Role::Part => {
                let value = value(column);
                generated!(#value::stored(self.#ident))
            }
            Role::GivenId => {
                let id = judged(generated!(__shared::EntityId));
                generated!(#id::given(self.#ident))
            }
            Role::MadeId => {
                let id = judged(generated!(__shared::MadeId));
                generated!(#id::make())
            }
            Role::Version => {
                let version = judged(generated!(__shared::Version));
                generated!(#version::FIRST)
            }
            Role::CreatedAt | Role::UpdatedAt => {
                let written = judged(generated!(__shared::WrittenAt));
                generated!(#written::at(__now))
            }
            Role::CreatedBy | Role::UpdatedBy => {
                let (written, field) = (judged(generated!(__shared::WrittenBy)), &column.field);
                generated!(#written::current(#entity, #field)?)
            }
            Role::DeletedAt => {
                let deleted = judged(generated!(__shared::DeletedAt));
                generated!(#deleted::NOT_DELETED)
            }
        };
        generated!(#ident: #value,)
    });
    generated! {
        #[automatically_derived]
        impl __shared::NewEntity for #new {
            type Entity = #ident;
            fn into_entity(self) -> __shared::Result<#ident> {
                #now
                ::core::result::Result::Ok(#ident {
                    #(#fields)* #(#flattened)* #(#skipped)*
                })
            }
        }
    }
}

fn patch(model: &Model) -> TokenStream {
    let patch = patch_ident(model);
    let plain: Vec<&Column> = model.columns.iter().filter(|column| column.role == Role::Plain).collect();
    let flattened = model.flattened.iter().map(|field| field.assign(model));
    let parameter = if plain.is_empty() && model.flattened.is_empty() { generated!(_) } else { generated!(__set) };
    let columns = plain.iter().map(|column| {
        let (Column { ident, name, .. }, value) = (column, value(column));
        generated!(__set.column(#name, &self.#ident, #value::bind);)
    });
    generated! {
        #[automatically_derived]
        impl __shared::EntityPatch for #patch {
            fn assign(&self, #parameter: &mut __shared::Assignments) { #(#columns)* #(#flattened)* }
        }
    }
}

/// What is proven while the program is compiled: parameters are counted, references fit.
fn checks(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let references = model.columns.iter().filter_map(|column| {
        let Reference { entity: target, on_delete } = column.reference.as_ref()?;
        let (value, entity, field) = (value(column), target_entity(target), &column.field);
        let name = target.segments.last().map(|segment| plain_name(&segment.ident)).unwrap_or_default();
        let check = generated! {
            __shared::check_reference(#value::TYPE, <#entity::Id as __Value>::TYPE, #field, #name)
        };
        let check = respanned(check, target.span());
        let set_null = on_delete.filter(|(on_delete, _)| *on_delete == OnDelete::SetNull).map(|(_, at)| {
            let check = respanned(generated!(__shared::check_set_null(#value::NULLABLE, #field)), at);
            generated!(#[allow(unused_qualifications)] const _: () = #check;)
        });
        Some(generated!(#[allow(unused_qualifications)] const _: () = #check; #set_null))
    });
    let parts = model.flattened.iter().map(|field| field.check(model));
    generated! {
        const _: () = __shared::check_entity(<#ident as __shared::Entity>::DEF);
        #(#references)*
        #(#parts)*
    }
}
