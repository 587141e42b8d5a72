//! From the checked model to the impls. Nothing here can fail.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::{Ident, Path};

use super::check::{Column, Key, Model, Role, place};
use super::name::of_constraint;
use super::sql::Statements;
use super::surface::{new_ident, patch_ident, surface};
use crate::attribute::plain_name;
use crate::spans::generated;

pub(crate) fn expand(krate: &Path, model: &Model) -> TokenStream {
    let surface = surface(krate, model);
    let (entity, new, patch, checks) = (entity(krate, model), new_entity(krate, model), patch(krate, model), checks(krate, model));
    generated!(#surface #entity #new #patch #checks)
}

/// `<Type as Trait>`, to be judged at the type. The compiler says the same thing about the same type and trait at the
/// same place once, however often it is asked.
fn judged(krate: &Path, column: &Column, bound: &TokenStream) -> TokenStream {
    let ty = &column.ty;
    let open = quote_spanned!(place(column)=> <);
    generated!(#open #ty as #krate::#bound>)
}

fn value(krate: &Path, column: &Column) -> TokenStream {
    judged(krate, column, &generated!(entity::EntityValue))
}

fn entity(krate: &Path, model: &Model) -> TokenStream {
    let Model { ident, columns, skipped, .. } = model;
    let (new, patch, def) = (new_ident(model), patch_ident(model), def(krate, model));
    let Some(Column { ident: id, ty: id_type, .. }) = model.id() else { return TokenStream::new() };
    let idents: Vec<&Ident> = columns.iter().map(|column| &column.ident).collect();
    let values: Vec<TokenStream> = columns.iter().map(|column| value(krate, column)).collect();
    let positions = 0..columns.len();
    let version = model.with(Role::Version).map(|column| {
        let (ident, version) = (&column.ident, judged(krate, column, &generated!(__private::Version)));
        generated! {
            fn version(&self) -> ::core::option::Option<i64> {
                ::core::option::Option::Some(#version::number(&self.#ident))
            }
        }
    });
    generated! {
        #[automatically_derived]
        impl #krate::entity::Entity for #ident {
            type Id = #id_type;
            type New = #new;
            type Patch = #patch;
            const DEF: &'static #krate::entity::EntityDef = &#def;
            fn id(&self) -> &Self::Id { &self.#id }
            #version
            fn bind_row(&self, args: &mut #krate::db::Args) {
                #(#values::bind(&self.#idents, args);)*
            }
            fn bind_columns(rows: &[Self], args: &mut #krate::db::Args) {
                #(#values::bind_column(rows, |row| &row.#idents, args);)*
            }
            fn from_row(row: &#krate::db::Row) -> #krate::Result<Self> {
                ::core::result::Result::Ok(Self {
                    #(#idents: #values::read(row, #positions)?,)*
                    #(#skipped: ::core::default::Default::default(),)*
                })
            }
        }
    }
}

fn def(krate: &Path, model: &Model) -> TokenStream {
    let (name, table) = (plain_name(&model.ident), &model.table);
    let columns = model.columns.iter().map(|column| {
        let (Column { name, field, .. }, value) = (column, value(krate, column));
        generated!(#krate::entity::ColumnDef::new(#name, #field, #value::SHAPE))
    });
    let id = model.id().map(|column| &column.name);
    let role = |role| match model.with(role) {
        Some(Column { name, .. }) => generated!(::core::option::Option::Some(#name)),
        None => generated!(::core::option::Option::None),
    };
    let (version, updated_at, deleted_at) = (role(Role::Version), role(Role::UpdatedAt), role(Role::DeletedAt));
    let uniques = model.uniques.iter().map(|key| self::key(krate, model, key, "key"));
    let indexes = model.indexes.iter().map(|key| self::key(krate, model, key, "idx"));
    let references = model.columns.iter().filter_map(|column| {
        let (target, Column { name, .. }) = (column.reference.as_ref()?, column);
        let constraint = of_constraint(table, [name.as_str()], "fkey");
        let target = target_entity(krate, target);
        Some(generated! {
            #krate::entity::Reference { name: #constraint, column: #name, target: || #target::DEF }
        })
    });
    let (sql, names) = (statements(krate, model), names(krate, model));
    generated! {
        #krate::entity::EntityDef {
            name: #name,
            table: #table,
            columns: &[#(#columns),*],
            roles: #krate::entity::Roles { id: #id, version: #version, updated_at: #updated_at, deleted_at: #deleted_at },
            uniques: &[#(#uniques),*],
            indexes: &[#(#indexes),*],
            references: &[#(#references),*],
            sql: #sql,
            names: #names,
        }
    }
}

fn target_entity(krate: &Path, target: &Path) -> TokenStream {
    let open = quote_spanned!(target.span()=> <);
    generated!(#open #target as #krate::entity::Entity>)
}

fn key_name(model: &Model, key: &Key, suffix: &str) -> String {
    of_constraint(&model.table, key.columns.iter().map(|position| model.columns[*position].name.as_str()), suffix)
}

fn key(krate: &Path, model: &Model, key: &Key, suffix: &str) -> TokenStream {
    let name = key_name(model, key, suffix);
    let columns = key.columns.iter().map(|position| &model.columns[*position].name);
    generated!(#krate::entity::Key { name: #name, columns: &[#(#columns),*] })
}

fn statements(krate: &Path, model: &Model) -> TokenStream {
    let Statements { columns, insert, get, exists, count, delete_by_id, delete, restore } = Statements::of(model);
    let restore = match restore {
        Some(restore) => generated!(::core::option::Option::Some(#krate::db::Sql::same(#restore))),
        None => generated!(::core::option::Option::None),
    };
    generated! {
        #krate::entity::Statements {
            columns: #columns,
            insert: #krate::db::Sql::same(#insert),
            get: #krate::db::Sql::same(#get),
            exists: #krate::db::Sql::same(#exists),
            count: #krate::db::Sql::same(#count),
            delete_by_id: #krate::db::Sql::same(#delete_by_id),
            delete: #krate::db::Sql::same(#delete),
            restore: #restore,
        }
    }
}

/// For errors: what the engines call by constraint or column, in terms of fields.
fn names(krate: &Path, model: &Model) -> TokenStream {
    let (entity, table) = (plain_name(&model.ident), &model.table);
    let renamed = model.columns.iter().filter(|column| column.name != column.field).map(|Column { name, field, .. }| {
        generated!((#name, #field))
    });
    let primary = model.id().map(|Column { field, .. }| {
        let constraint = of_constraint(table, [], "pkey");
        generated!((#constraint, &[#field] as &[&str]))
    });
    let uniques = model.uniques.iter().map(|key| {
        let constraint = key_name(model, key, "key");
        let fields = key.columns.iter().map(|position| &model.columns[*position].field);
        generated!((#constraint, &[#(#fields),*] as &[&str]))
    });
    let references = model.columns.iter().filter(|column| column.reference.is_some()).map(|Column { name, field, .. }| {
        let constraint = of_constraint(table, [name.as_str()], "fkey");
        generated!((#constraint, &[#field] as &[&str]))
    });
    let constraints = primary.into_iter().chain(uniques).chain(references);
    generated! {
        #krate::db::Names {
            entity: #entity,
            table: #table,
            columns: &[#(#renamed),*],
            constraints: &[#(#constraints),*],
        }
    }
}

fn new_entity(krate: &Path, model: &Model) -> TokenStream {
    let (ident, new, skipped) = (&model.ident, new_ident(model), &model.skipped);
    let dated = [Role::CreatedAt, Role::UpdatedAt].into_iter().any(|role| model.with(role).is_some());
    let now = dated.then(|| generated!(let now = #krate::time::now();));
    let fields = model.columns.iter().map(|column| {
        let Column { ident, .. } = column;
        let value = match column.role {
            Role::Plain => {
                let value = value(krate, column);
                generated!(#value::stored(self.#ident))
            }
            Role::GivenId => {
                let id = judged(krate, column, &generated!(entity::EntityId));
                generated!(#id::given(self.#ident))
            }
            Role::MadeId => {
                let id = judged(krate, column, &generated!(entity::MadeId));
                generated!(#id::make())
            }
            Role::Version => {
                let version = judged(krate, column, &generated!(__private::Version));
                generated!(#version::FIRST)
            }
            Role::CreatedAt | Role::UpdatedAt => {
                let written = judged(krate, column, &generated!(__private::WrittenAt));
                generated!(#written::at(now))
            }
            Role::DeletedAt => {
                let deleted = judged(krate, column, &generated!(__private::DeletedAt));
                generated!(#deleted::NOT_DELETED)
            }
        };
        generated!(#ident: #value,)
    });
    generated! {
        #[automatically_derived]
        impl #krate::entity::NewEntity for #new {
            type Entity = #ident;
            fn into_entity(self) -> #ident {
                #now
                #ident { #(#fields)* #(#skipped: ::core::default::Default::default(),)* }
            }
        }
    }
}

fn patch(krate: &Path, model: &Model) -> TokenStream {
    let patch = patch_ident(model);
    let plain: Vec<&Column> = model.columns.iter().filter(|column| column.role == Role::Plain).collect();
    let parameter = if plain.is_empty() { generated!(_) } else { generated!(set) };
    let columns = plain.iter().map(|column| {
        let (Column { ident, name, .. }, bound) = (column, value(krate, column));
        generated!(if let ::core::option::Option::Some(value) = &self.#ident { #bound::bind(value, set.column(#name)); })
    });
    generated! {
        #[automatically_derived]
        impl #krate::entity::EntityPatch for #patch {
            fn assign(&self, #parameter: &mut #krate::entity::Assignments) { #(#columns)* }
        }
    }
}

/// What is proven while the program is compiled: parameters are counted, references fit.
fn checks(krate: &Path, model: &Model) -> TokenStream {
    let ident = &model.ident;
    let references = model.columns.iter().filter_map(|column| {
        let target = column.reference.as_ref()?;
        let (value, entity) = (value(krate, column), target_entity(krate, target));
        let name = target.segments.last().map(|segment| plain_name(&segment.ident)).unwrap_or_default();
        let message = format!(
            "`{}` cannot hold the id of `{name}`: their columns have different types\nhelp: give the field the type of `{name}`'s id",
            column.field
        );
        let place = target.span();
        Some(quote_spanned! {place=>
            const _: () = #krate::__private::check_reference(#value::TYPE, <#entity::Id as #krate::entity::EntityValue>::TYPE, #message);
        })
    });
    generated! {
        const _: () = #krate::__private::check_entity(<#ident as #krate::entity::Entity>::DEF);
        #(#references)*
    }
}
