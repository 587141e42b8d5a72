//! From what was written to a model that can be expanded without failing.

use proc_macro2::{Span, TokenStream};
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Field, Fields, GenericArgument, Ident, Path, PathArguments, Type, Visibility};

use super::emits::Emit;
use super::flatten::Flattened;
use super::input::{FieldOptions, Input, Name, Target};
use super::key::Key;
use super::{emits, flatten, key, name};
use crate::attribute::{Flag, Value, plain_name};
use crate::diagnostics::{Errors, did_you_mean};
use crate::spans::generated;
use crate::validate::{Rule, ValidatedField, rules_of_struct};

/// The checked model. With mistakes it holds what could be understood.
pub(crate) struct Model {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) table: String,
    pub(crate) columns: Vec<Column>,
    /// Fields that are several columns.
    pub(crate) flattened: Vec<Flattened>,
    /// Fields that are not stored.
    pub(crate) skipped: Vec<(Ident, Type)>,
    pub(crate) uniques: Vec<Key>,
    pub(crate) indexes: Vec<Key>,
    /// The rules of the struct itself.
    pub(crate) whole: Vec<Rule>,
    pub(crate) emits: Vec<Emit>,
    /// Whether the rules of the columns are checks of the table.
    pub(crate) checked: bool,
}

/// One field that is a column.
pub(crate) struct Column {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) ty: Type,
    pub(crate) docs: Vec<Attribute>,
    /// The field's name as text.
    pub(crate) field: String,
    /// The column's name in the table.
    pub(crate) name: String,
    pub(crate) role: Role,
    /// Whether it is marked as several things, which was reported.
    pub(crate) is_disputed: bool,
    /// The field of the struct and the field in that, if the column is a part of a value.
    pub(crate) part: Option<(Ident, Ident)>,
    pub(crate) reference: Option<Reference>,
    pub(crate) rules: ValidatedField,
}

/// The entity whose id a column holds.
pub(crate) struct Reference {
    pub(crate) entity: Path,
    pub(crate) on_delete: Option<(OnDelete, Span)>,
}

/// What happens to a row when one that it refers to is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDelete {
    Restrict,
    Cascade,
    SetNull,
}

/// What a column means to the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Plain,
    MadeId,
    GivenId,
    Version,
    CreatedAt,
    UpdatedAt,
    CreatedBy,
    UpdatedBy,
    DeletedAt,
    /// One of several columns of a field.
    Part,
}

impl Role {
    pub(crate) fn is_id(self) -> bool {
        matches!(self, Self::MadeId | Self::GivenId)
    }

    /// The mark, for those that the description of the entity names by it.
    pub(crate) fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Plain | Self::MadeId | Self::GivenId | Self::Part => return None,
            Self::Version => "version",
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
            Self::CreatedBy => "created_by",
            Self::UpdatedBy => "updated_by",
            Self::DeletedAt => "deleted_at",
        })
    }

    /// Whether the caller says the value when the row is made.
    pub(crate) fn is_given(self) -> bool {
        matches!(self, Self::Plain | Self::GivenId)
    }
}

impl Column {
    /// The value of the column in a row.
    pub(crate) fn of(&self, row: &TokenStream) -> TokenStream {
        match (&self.part, &self.ident) {
            (Some((owner, part)), _) => generated!(#row.#owner.#part),
            (None, ident) => generated!(#row.#ident),
        }
    }
}

impl Model {
    pub(crate) fn with(&self, role: Role) -> Option<&Column> {
        self.columns.iter().find(|column| column.role == role)
    }

    pub(crate) fn id(&self) -> Option<&Column> {
        self.columns.iter().find(|column| column.role.is_id())
    }
}

const NEEDS_FIELDS: &str = "an entity is a struct with named fields: they are the columns of its table";
const NO_GENERICS: &str = "an entity has no generics: one table has one row type\nhelp: write a struct for each table";

pub(crate) fn check(input: Input<'_>, errors: &mut Errors) -> Model {
    let Input { item, options, fields, understood, .. } = input;
    if let Some(first) = item.generics.params.first() {
        errors.report(first, NO_GENERICS);
    }
    let is_struct = matches!(&item.data, Data::Struct(data) if matches!(data.fields, Fields::Named(_)));
    if !is_struct {
        errors.report(&item.ident, NEEDS_FIELDS);
    }
    let whole = if is_struct { rules_of_struct(&item.attrs, errors) } else { Vec::new() };
    let table = table(item, options.table, understood.on_struct, errors);
    let (mut columns, mut skipped) = (Vec::new(), Vec::new());
    let (mut uniques, mut indexes) = (Vec::new(), Vec::new());
    let mut flattened = Vec::new();
    for ((field, options), rules) in fields.into_iter().zip(rules(item, errors)) {
        if options.flatten.is_some() {
            if let Some((value, parts)) = flatten::read(field, options, rules, columns.len(), errors) {
                flattened.push(value);
                columns.extend(parts);
            }
            continue;
        }
        let (unique, index) = (options.unique.is_some(), options.index.is_some());
        match column(field, options, rules, errors) {
            Some(column) => {
                let key = || Key::of(columns.len());
                uniques.extend(unique.then(key));
                indexes.extend(index.then(key));
                columns.push(column);
            }
            None => skipped.extend(field.ident.clone().map(|ident| (ident, field.ty.clone()))),
        }
    }
    if is_struct {
        one_id(&item.ident, &columns, understood.on_fields, errors);
        one_each(&item.ident, &columns, errors);
        distinct(&columns, errors);
    }
    key::read("unique", options.unique, &columns, &mut uniques, errors);
    key::read("index", options.index, &columns, &mut indexes, errors);
    let emits = emits::read(options.emits, errors);
    let (ident, vis) = (item.ident.clone(), item.vis.clone());
    let checked = options.unchecked.and_then(|value| value.take(errors)).is_none();
    let model = Model { ident, vis, table, columns, flattened, skipped, uniques, indexes, whole, emits, checked };
    if understood.on_fields {
        emits::check(&model, errors);
    }
    model
}

fn rules(item: &DeriveInput, errors: &mut Errors) -> Vec<ValidatedField> {
    match &item.data {
        Data::Struct(data) => ValidatedField::of_struct(&item.attrs, &data.fields, errors),
        _ => Vec::new(),
    }
}

fn table(item: &DeriveInput, given: Option<Value<Name>>, understood: bool, errors: &mut Errors) -> String {
    match given {
        Some(value) => value.take(errors).and_then(|Name(name)| name::table(&name, errors)),
        None if !understood => None,
        None => {
            let suggestion = name::snake_case(&plain_name(&item.ident)) + "s";
            errors.report(
                &item.ident,
                format!("`#[derive(Entity)]` needs a table\nhelp: add `#[entity(table = \"{suggestion}\")]`"),
            );
            None
        }
    }
    .unwrap_or_default()
}

/// A mark of a field, and where it stands.
struct Mark {
    name: &'static str,
    at: Span,
    role: Option<Role>,
}

fn marks(options: &mut FieldOptions, errors: &mut Errors) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut note = |name, role, value: Option<Value<Flag>>| {
        if let Some(value) = value {
            let at = value.key();
            if value.take(errors).is_some() {
                marks.push(Mark { name, at, role });
            }
        }
    };
    let id = if options.given.is_some() { Role::GivenId } else { Role::MadeId };
    note("id", Some(id), options.id.take());
    note("version", Some(Role::Version), options.version.take());
    note("created_at", Some(Role::CreatedAt), options.created_at.take());
    note("updated_at", Some(Role::UpdatedAt), options.updated_at.take());
    note("created_by", Some(Role::CreatedBy), options.created_by.take());
    note("updated_by", Some(Role::UpdatedBy), options.updated_by.take());
    note("deleted_at", Some(Role::DeletedAt), options.deleted_at.take());
    note("skip", None, options.skip.take());
    marks
}

/// The column of a field; `None` when it is not stored.
fn column(field: &Field, mut options: FieldOptions, rules: ValidatedField, errors: &mut Errors) -> Option<Column> {
    let ident = field.ident.clone()?;
    let field_name = plain_name(&ident);
    let marks = marks(&mut options, errors);
    if let [first, second, ..] = marks.as_slice() {
        errors.report_at(
            second.at,
            format!("a field cannot be both `{}` and `{}`; remove one of the two", first.name, second.name),
        );
    }
    if let Some(given) = options.given
        && let Some(at) = Some(given.key()).filter(|_| given.take(errors).is_some())
        && !marks.iter().any(|mark| mark.name == "id")
    {
        errors.report_at(at, "`given` goes with `id`\nhelp: `#[entity(id, given)]` is an id that the caller gives");
    }
    for (name, value) in [("unique", options.unique), ("index", options.index)] {
        let Some(value) = value else { continue };
        let at = value.key();
        if value.take(errors).is_some()
            && let Some(mark) = marks.iter().find(|mark| {
                !matches!(mark.role, Some(Role::CreatedAt | Role::UpdatedAt | Role::CreatedBy | Role::UpdatedBy))
            })
        {
            errors.report_at(at, conflict(mark, name));
        }
    }
    let reference = options.references.and_then(|value| value.take(errors)).map(|target| reference(target, errors));
    if let Some(Reference { entity: path, .. }) = &reference
        && let Some(mark) = marks.iter().find(|mark| mark.name != "id")
    {
        errors.report(path, format!("a field cannot be both `{}` and a reference; remove one of the two", mark.name));
    }
    if let (Some(rename), true) = (&options.rename, marks.iter().any(|mark| mark.name == "skip")) {
        errors.report_at(rename.key(), "a field that is not stored has no column to rename; remove one of the two");
    }
    let renamed = options.rename.and_then(|value| value.take(errors)).map(|Name(name)| name);
    let role = marks.first().map_or(Some(Role::Plain), |mark| mark.role);
    if let Some(mark) = marks.first()
        && mark.role != Some(Role::GivenId)
        && !rules.rules.is_empty()
    {
        let why = if mark.name == "skip" { "is not stored" } else { "is set by the library" };
        errors.report(
            &ident,
            format!("`{field_name}` {why}, so there is nothing to validate; remove its `#[validate(..)]`"),
        );
    }
    let role = role?;
    if let Some((given, instead)) = unsupported_number(&field.ty) {
        let message = match given.as_str() {
            "u64" | "u128" | "usize" => format!("`{given}` does not fit a signed 64-bit column"),
            _ => format!("`{given}` has no column type of its own"),
        };
        errors.report(&field.ty, format!("{message}\nhelp: use `{instead}`"));
    }
    if options_around(&field.ty) > 1 {
        errors.report(
            &field.ty,
            format!("`{field_name}` is an `Option` in an `Option`: a column has one NULL, so they could not be told apart\nhelp: use one `Option`"),
        );
    }
    if field_name == "new" {
        errors.report(&ident, "a column cannot be called `new`: that is how a patch is made\nhelp: rename the field; `#[entity(rename = \"new\")]` keeps the column's name");
    }
    let name = match renamed {
        Some(name) => {
            if let Some(why) = name::column_defect(&name.value()) {
                errors.report(&name, format!("`{}` cannot be the name of a column: {why}", name.value()));
            }
            name.value()
        }
        None => {
            if let Some(why) = name::column_defect(&field_name) {
                errors.report(
                    &ident,
                    format!("`{field_name}` cannot be the name of a column: {why}\nhelp: `#[entity(rename = \"…\")]` gives the column another name"),
                );
            }
            field_name.clone()
        }
    };
    let docs = field.attrs.iter().filter(|attribute| attribute.path().is_ident("doc")).cloned().collect();
    let (vis, ty) = (field.vis.clone(), field.ty.clone());
    let (part, is_disputed) = (None, marks.len() > 1);
    Some(Column { ident, vis, ty, docs, field: field_name, name, role, is_disputed, part, reference, rules })
}

fn reference(Target { entity, on_delete }: Target, errors: &mut Errors) -> Reference {
    let on_delete = on_delete.and_then(|word| {
        let on_delete = match word.to_string().as_str() {
            "restrict" => OnDelete::Restrict,
            "cascade" => OnDelete::Cascade,
            "set_null" => OnDelete::SetNull,
            other => {
                let hint = did_you_mean(other, ["restrict", "cascade", "set_null"]);
                let hint =
                    if hint.is_empty() { "; there are `restrict`, `cascade` and `set_null`".into() } else { hint };
                errors.report(&word, format!("unknown `on_delete`: `{other}`{hint}"));
                return None;
            }
        };
        Some((on_delete, word.span()))
    });
    Reference { entity, on_delete }
}

fn conflict(mark: &Mark, name: &str) -> String {
    match mark.name {
        "id" => format!("an id is {} already; remove `{name}`", if name == "unique" { "unique" } else { "indexed" }),
        "skip" => format!("a field that is not stored cannot be `{name}`; remove one of the two"),
        other => format!("a field cannot be both `{other}` and `{name}`; remove `{name}`"),
    }
}

fn one_id(ident: &Ident, columns: &[Column], understood: bool, errors: &mut Errors) {
    let ids: Vec<&Column> = columns.iter().filter(|column| column.role.is_id()).collect();
    match ids.as_slice() {
        [_] => {}
        [] if !understood => {}
        [] => errors.report(ident, format!("`{ident}` has no id field\nhelp: mark one field `#[entity(id)]`")),
        [first, second, ..] => errors.report(
            &second.ident,
            format!(
                "`{ident}` has two ids, `{}` and `{}`\nhelp: an entity has one id; what together is unique goes into `#[entity(unique({}, {}))]`",
                first.field, second.field, first.field, second.field
            ),
        ),
    }
}

fn one_each(ident: &Ident, columns: &[Column], errors: &mut Errors) {
    for (role, name) in [
        (Role::Version, "version"),
        (Role::CreatedAt, "created_at"),
        (Role::UpdatedAt, "updated_at"),
        (Role::CreatedBy, "created_by"),
        (Role::UpdatedBy, "updated_by"),
        (Role::DeletedAt, "deleted_at"),
    ] {
        let mut with = columns.iter().filter(|column| column.role == role && !column.is_disputed);
        if let (Some(first), Some(second)) = (with.next(), with.next()) {
            let (first, other) = (&first.field, &second.field);
            errors.report(
                &second.ident,
                format!("`{ident}` has two fields marked `{name}`, `{first}` and `{other}`; keep one"),
            );
        }
    }
}

/// SQLite does not tell names apart by case, quoted or not.
fn distinct(columns: &[Column], errors: &mut Errors) {
    for (i, column) in columns.iter().enumerate() {
        if let Some(first) = columns[..i].iter().find(|first| first.name.eq_ignore_ascii_case(&column.name)) {
            errors.report(
                &column.ident,
                format!("the fields {} and {} have the same column, `{}`", said(first), said(column), column.name),
            );
        }
    }
}

fn said(column: &Column) -> String {
    match &column.part {
        Some((owner, part)) => format!("`{}.{}`", plain_name(owner), plain_name(part)),
        None => format!("`{}`", column.field),
    }
}

/// The type itself, if a macro has passed it on.
fn unwrapped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => unwrapped(&group.elem),
        ty => ty,
    }
}

/// What is in an `Option` or a `Phi`, and whether it is an `Option`.
fn inside(ty: &Type) -> Option<(&Type, bool)> {
    let Type::Path(path) = unwrapped(ty) else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Option" || last.ident == "Phi")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(inner) => Some((inner, last.ident == "Option")),
        _ => None,
    }
}

fn options_around(ty: &Type) -> usize {
    inside(ty).map_or(0, |(inner, is_option)| usize::from(is_option) + options_around(inner))
}

/// A number that no column holds, perhaps inside `Option` or `Phi`, and what to use instead.
pub(super) fn unsupported_number(ty: &Type) -> Option<(String, &'static str)> {
    if let Some((inner, _)) = inside(ty) {
        return unsupported_number(inner);
    }
    let Type::Path(path) = unwrapped(ty) else { return None };
    let instead = match path.path.get_ident()?.to_string().as_str() {
        "u64" | "usize" | "isize" | "u32" => "i64",
        "u128" | "i128" => "i64` or `String",
        "u16" => "i32",
        "u8" | "i8" => "i16",
        "f32" => "f64",
        _ => return None,
    };
    Some((path.path.get_ident()?.to_string(), instead))
}

/// Where the field's type stands: for what the compiler has to say about it.
pub(crate) fn place(column: &Column) -> Span {
    column.ty.span()
}
