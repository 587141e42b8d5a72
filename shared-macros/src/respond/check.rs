//! From what was written to a model that can be expanded without failing.

use quote::quote_spanned;
use syn::{LitStr, ReturnType, Signature, Type};

use super::{Input, Options, Timeout, WORDS};
use crate::attribute::{Count, Value};
use crate::diagnostics::Errors;
use crate::handler::{Argument, Function, Target, kind, signature, ungrouped};
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

const CONCURRENCY: std::ops::RangeInclusive<u32> = 1..=10_000;

pub(super) fn check(input: Input, errors: &mut Errors) -> Option<Model> {
    let target = input.function.as_ref().and_then(Function::target);
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
    kind(&sig, &WORDS, errors);
    let output = output(&sig, errors);
    let (query, arguments) = signature(&sig, &WORDS, errors)?;
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

fn output(sig: &Signature, errors: &mut Errors) -> Option<Type> {
    match &sig.output {
        // what the query is answered with may be nothing
        ReturnType::Default => {
            let place = at(sig.ident.span());
            syn::parse2(quote_spanned!(place=> ())).ok()
        }
        ReturnType::Type(_, ty) => match ungrouped(ty) {
            ty @ (Type::ImplTrait(_) | Type::Never(_)) => {
                errors.report(
                    ty,
                    "a responder returns what its query is answered with\nhelp: write `-> Result<Appointment>`, with the type that `#[query(reply = …)]` says",
                );
                None
            }
            ty => Some(ty.clone()),
        },
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
