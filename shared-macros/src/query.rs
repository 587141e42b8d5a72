//! `#[derive(Query)]`: a struct with named fields, its subject and what it is answered with.

use darling::FromMeta;
use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::{Data, DeriveInput, Expr, Fields, LitStr, Meta, Path, Type};

use crate::attribute::{CratePath, Form, Keys, Value, crate_path, expression, options, text};
use crate::diagnostics::{Errors, caret};
use crate::spans::{generated, in_block, projected};
use crate::subject::{Grammar, Token, parse};
use crate::validate::{Rule, ValidatedField, implementation, rules_of_struct};

/// The keys of `#[query(..)]`.
#[derive(Default, FromMeta)]
struct Options {
    subject: Option<Value<Subject>>,
    reply: Option<Value<Reply>>,
    #[darling(rename = "crate")]
    krate: Option<Value<CratePath>>,
}

const KEYS: Keys<'_> = Keys::of("query", &["subject", "reply", "crate"]);

const NEEDS_SUBJECT: &str =
    "`#[derive(Query)]` needs a subject\nhelp: add `#[query(subject = \"appointment.get\", reply = Appointment)]`";
const NEEDS_REPLY: &str =
    "`#[derive(Query)]` needs the type of the answer\nhelp: add `reply = Appointment` to `#[query(..)]`";
const NEEDS_FIELDS: &str = "a query is a struct with named fields: their names are the keys of the request";

struct Subject(LitStr);

impl Form for Subject {
    const TAKES: &'static str = "a string literal such as `\"appointment.get\"`";

    fn read(meta: &Meta) -> Option<Self> {
        text(meta).map(Self)
    }
}

struct Reply(Type);

impl Form for Reply {
    const TAKES: &'static str = "a type, such as `Appointment` or `Vec<Slot>`";

    fn read(meta: &Meta) -> Option<Self> {
        let tokens = match expression(meta)? {
            Expr::Lit(_) => return None,
            // a type with arguments is no expression
            Expr::Verbatim(tokens) => tokens.clone(),
            other => other.to_token_stream(),
        };
        syn::parse2(tokens).ok().map(Self)
    }
}

struct Model {
    subject: LitStr,
    reply: Type,
    fields: Vec<ValidatedField>,
    whole: Vec<Rule>,
}

pub(crate) fn expand_query(input: TokenStream) -> TokenStream {
    let item: DeriveInput = match syn::parse2(input) {
        Ok(item) => item,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::new();
    let entries = KEYS.in_attributes(&item.attrs, &mut errors);
    let understood = errors.len() == 0;
    let mut given: Options = options(&entries, &mut errors);
    let krate = crate_path(given.krate.take(), &mut errors);
    let reply = match given.reply.take() {
        Some(value) => value.take(&mut errors).map(|Reply(ty)| ty),
        None => {
            // whoever forgot the attribute is told of both at once
            if understood && given.subject.is_some() {
                errors.report(&item.ident, NEEDS_REPLY);
            }
            None
        }
    };
    let model = check(&item, given.subject, reply.clone(), understood, &mut errors);
    match errors.finish(model) {
        Ok(model) => expand(&krate, &item, &model),
        Err(mut tokens) => {
            tokens.extend(fallback(&krate, &item, reply.as_ref()));
            tokens
        }
    }
}

fn check(
    item: &DeriveInput,
    subject: Option<Value<Subject>>,
    reply: Option<Type>,
    understood: bool,
    errors: &mut Errors,
) -> Option<Model> {
    if let Some(first) = item.generics.params.first() {
        errors.report(first, "a query has no generics: one subject means one question\nhelp: write a struct for each");
    }
    if subject.is_none() && understood {
        errors.report(&item.ident, NEEDS_SUBJECT);
    }
    let subject = subject.and_then(|value| value.take(errors)).and_then(|Subject(text)| concrete(text, errors));
    let whole = rules_of_struct(&item.attrs, errors);
    let fields = match &item.data {
        Data::Struct(data) if matches!(data.fields, Fields::Named(_)) => {
            ValidatedField::of_struct(&item.attrs, &data.fields, errors)
        }
        Data::Struct(data) if matches!(data.fields, Fields::Unit) => {
            errors.report(&item.ident, format!("{NEEDS_FIELDS}\nhelp: write `struct {} {{}}`", item.ident));
            return None;
        }
        _ => {
            errors.report(&item.ident, NEEDS_FIELDS);
            return None;
        }
    };
    Some(Model { subject: subject?, reply: reply?, fields, whole })
}

/// A subject that is one: a query is asked on the same subject whatever is in it.
fn concrete(text: LitStr, errors: &mut Errors) -> Option<LitStr> {
    let value = text.value();
    if let Some(at) = value.find(['*', '>']) {
        let caret = caret(&value, at..at + 1);
        errors.report(&text, format!("a query is asked on one concrete subject, without wildcards{caret}"));
        return None;
    }
    match parse(&value, Grammar::Subject) {
        Err(mistake) => errors.report(&text, mistake),
        Ok(tokens) => {
            let slot = tokens.into_iter().find_map(|token| match token {
                Token::Slot { at, .. } => Some(at),
                Token::Literal(_) => None,
            });
            let Some(at) = slot else { return Some(text) };
            errors.report(
                &text,
                format!(
                    "a query has one subject, without slots: what it asks for is in its fields{}",
                    caret(&value, at)
                ),
            );
        }
    }
    None
}

fn expand(krate: &Path, item: &DeriveInput, model: &Model) -> TokenStream {
    let Model { subject, reply, fields, whole } = model;
    let ident = &item.ident;
    let validate = implementation(krate, ident, fields, whole);
    let [question, answer] =
        [&generated!(#ident), &generated!(#reply)].map(|ty| projected(ty, &generated!(__shared::Carried), "JSON"));
    let query = in_block(
        krate,
        &generated! {
            #[automatically_derived]
            impl __shared::Query for #ident {
                type Reply = #reply;
                const SUBJECT: &'static str = #subject;
                const QUESTION: __shared::Carrier<Self> = #question;
                const ANSWER: __shared::Carrier<#reply> = #answer;
            }
            #[automatically_derived]
            impl __shared::Asked for #ident {
                type This = Self;
            }
        },
    );
    generated!(#validate #query)
}

/// What is emitted beside the errors, so that every other use of the type compiles. An empty subject marks it.
fn fallback(krate: &Path, item: &DeriveInput, reply: Option<&Type>) -> TokenStream {
    if !item.generics.params.is_empty() {
        return TokenStream::new();
    }
    let ident = &item.ident;
    let validate = implementation(krate, ident, &[], &[]);
    let reply = reply.map_or_else(|| generated!(()), |ty| generated!(#ty));
    let query = in_block(
        krate,
        &generated! {
            #[automatically_derived]
            impl __shared::Query for #ident {
                type Reply = #reply;
                const SUBJECT: &'static str = "";
                const QUESTION: __shared::Carrier<Self> = __shared::Uncarried::<Self>::JSON;
                const ANSWER: __shared::Carrier<#reply> = __shared::Uncarried::<#reply>::JSON;
            }
            #[automatically_derived]
            impl __shared::Asked for #ident {
                type This = Self;
            }
        },
    );
    generated!(#validate #query)
}
