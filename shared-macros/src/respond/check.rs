//! From what was written to a model that can be expanded without failing.

use quote::quote_spanned;
use syn::{FnArg, LitStr, ReturnType, Signature, Type, TypeReference};

use super::{Function, Input, Options, Target, Timeout};
use crate::attribute::{Count, Value};
use crate::diagnostics::Errors;
use crate::spans::at;
use crate::subject::{Grammar, parse};
use crate::subscribe::millis;

/// The checked model.
pub(super) struct Model {
    pub(super) target: Target,
    pub(super) subject: LitStr,
    pub(super) query: Type,
    pub(super) arguments: Vec<Argument>,
    pub(super) output: Type,
    pub(super) concurrency: Option<u32>,
    /// In milliseconds.
    pub(super) timeout: Option<u64>,
}

/// An argument after the query.
pub(super) enum Argument {
    /// `&mut T`, by the type behind it.
    Transaction(Type),
    Extractor(Type),
}

const ONE_QUERY_FIRST: &str = "a responder takes exactly one query, first and by value";

const CONCURRENCY: std::ops::RangeInclusive<u32> = 1..=10_000;

pub(super) fn check(input: Input, errors: &mut Errors) -> Option<Model> {
    let target = input.target();
    let subject = input.subject.filter(|text| match parse(&text.value(), Grammar::Subject) {
        Ok(_) => true,
        Err(mistake) => {
            errors.report(text, mistake);
            false
        }
    });
    let Options { concurrency, timeout, .. } = input.options;
    let concurrency = concurrency.map(|value| at_once(value, errors));
    let timeout = timeout.map(|value| duration(value, errors));
    let Function { sig, .. } = input.function?;
    kind(&sig, errors);
    let output = output(&sig, errors);
    let (query, arguments) = arguments(&sig, errors)?;
    Some(Model {
        target: target?,
        subject: subject?,
        query,
        arguments,
        output: output?,
        concurrency: concurrency.flatten(),
        timeout: timeout.flatten(),
    })
}

/// What a responder is, apart from its arguments.
fn kind(sig: &Signature, errors: &mut Errors) {
    if sig.asyncness.is_none() {
        let name = &sig.ident;
        errors.report(&sig.fn_token, format!("a responder is an async fn\nhelp: write `async fn {name}`"));
    }
    if !sig.generics.params.is_empty() {
        errors.report(
            &sig.generics,
            "a responder has no generics: it is registered once, for one query\nhelp: use concrete types, and leave lifetimes out",
        );
    }
}

fn output(sig: &Signature, errors: &mut Errors) -> Option<Type> {
    match &sig.output {
        // what the query is answered with may be nothing
        ReturnType::Default => {
            let place = at(sig.ident.span());
            syn::parse2(quote_spanned!(place=> ())).ok()
        }
        ReturnType::Type(_, ty) if !matches!(**ty, Type::ImplTrait(_) | Type::Never(_)) => Some((**ty).clone()),
        ReturnType::Type(_, ty) => {
            errors.report(
                ty,
                "a responder returns what its query is answered with\nhelp: write `-> Result<Appointment>`, with the type that `#[query(reply = …)]` says",
            );
            None
        }
    }
}

fn arguments(sig: &Signature, errors: &mut Errors) -> Option<(Type, Vec<Argument>)> {
    let mut types = Vec::new();
    for input in &sig.inputs {
        match input {
            FnArg::Receiver(receiver) => {
                errors.report(
                    receiver,
                    "a responder is a free function, without `self`\nhelp: take what it needs as `State<T>`",
                );
                return None;
            }
            FnArg::Typed(argument) => types.push(ungrouped(&argument.ty)),
        }
    }
    let mut types = types.into_iter();
    let Some(query) = types.next() else {
        let name = &sig.ident;
        errors.report(name, format!("{ONE_QUERY_FIRST}\nhelp: write `async fn {name}(query: GetAppointment)`"));
        return None;
    };
    if matches!(query, Type::Reference(_) | Type::ImplTrait(_)) {
        errors.report(query, format!("{ONE_QUERY_FIRST}\nhelp: take the query itself; other arguments come after it"));
        return None;
    }
    let mut arguments = Vec::new();
    for ty in types {
        match ty {
            Type::ImplTrait(_) => errors.report(ty, "a responder has no generics: name the argument's type"),
            Type::Reference(TypeReference { mutability: Some(_), elem, .. }) => {
                if arguments.iter().any(|argument| matches!(argument, Argument::Transaction(_))) {
                    errors.report(ty, "a responder has one transaction; remove this `&mut` argument");
                }
                arguments.push(Argument::Transaction((**elem).clone()));
            }
            _ => arguments.push(Argument::Extractor(ty.clone())),
        }
    }
    Some((query.clone(), arguments))
}

/// The type without the invisible group that a `macro_rules` fragment has around it, and without parentheses.
fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        Type::Paren(paren) => ungrouped(&paren.elem),
        other => other,
    }
}

fn at_once(value: Value<Count>, errors: &mut Errors) -> Option<u32> {
    let count = value.take(errors)?;
    if CONCURRENCY.contains(&count.value) {
        return Some(count.value);
    }
    let (least, most) = (CONCURRENCY.start(), CONCURRENCY.end());
    errors.report_at(
        count.span,
        format!("`concurrency` is how many requests are answered at once, from {least} to {most}"),
    );
    None
}

fn duration(value: Value<Timeout>, errors: &mut Errors) -> Option<u64> {
    let Timeout(text) = value.take(errors)?;
    let timeout = millis(&text.value());
    if timeout.is_none() {
        errors.report(
            &text,
            "`timeout` is the longest time of one answer, such as `\"5s\"`\nhelp: the units are `ms`, `s`, `m` and `h`",
        );
    }
    timeout
}
