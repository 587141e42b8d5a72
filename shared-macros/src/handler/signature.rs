//! What a handler's signature may be.

use syn::{FnArg, Safety, Signature, Type, TypeReference};

use super::Words;
use crate::diagnostics::Errors;

/// An argument after the message.
pub(crate) enum Argument {
    /// `&mut T`, by the type behind it.
    Transaction(Type),
    Extractor(Type),
}

pub(crate) fn takes_transaction(arguments: &[Argument]) -> bool {
    arguments.iter().any(|argument| matches!(argument, Argument::Transaction(_)))
}

/// What a handler is, apart from its arguments.
pub(crate) fn kind(sig: &Signature, words: &Words, errors: &mut Errors) {
    let Words { it, message, .. } = words;
    if sig.asyncness.is_none() {
        let name = &sig.ident;
        errors.report(&sig.fn_token, format!("{it} is an async fn\nhelp: write `async fn {name}`"));
    }
    if let Some(token) = &sig.constness {
        errors.report(token, format!("{it} is a plain async fn, without `const`"));
    }
    if let Safety::Unsafe(token) = &sig.safety {
        errors.report(token, format!("{it} is a plain async fn, without `unsafe`: the library calls it"));
    }
    if let Some(abi) = &sig.abi {
        errors.report(abi, format!("{it} is a plain async fn, without an ABI"));
    }
    if !sig.generics.params.is_empty() {
        errors.report(
            &sig.generics,
            format!("{it} has no generics: it is registered once, for one {message}\nhelp: use concrete types, and leave lifetimes out"),
        );
    }
}

/// The type of the message, and the arguments after it.
pub(crate) fn signature(sig: &Signature, words: &Words, errors: &mut Errors) -> Option<(Type, Vec<Argument>)> {
    let Words { it, message, example, .. } = words;
    let mut types = Vec::new();
    for input in &sig.inputs {
        match input {
            FnArg::Receiver(receiver) => {
                errors.report(
                    receiver,
                    format!("{it} is a free function, without `self`\nhelp: take what it needs as `State<T>`"),
                );
                return None;
            }
            FnArg::Typed(argument) => types.push(ungrouped(&argument.ty)),
        }
    }
    let one_first = format!("{it} takes exactly one {message}, first and by value");
    let mut types = types.into_iter();
    let Some(first) = types.next() else {
        let name = &sig.ident;
        errors.report(name, format!("{one_first}\nhelp: write `async fn {name}({message}: {example})`"));
        return None;
    };
    if let Type::Reference(reference) = first {
        let help = match reference.mutability {
            Some(_) => format!("the {message} comes before all other arguments"),
            None => format!("take the {message} itself; arguments by reference come after it"),
        };
        errors.report(first, format!("{one_first}\nhelp: {help}"));
        return None;
    }
    if matches!(first, Type::ImplTrait(_)) {
        errors.report(first, format!("{it} has no generics: it is registered once, for one {message}"));
        return None;
    }
    let arguments = arguments(types, words, errors);
    Some((first.clone(), arguments))
}

fn arguments<'a>(types: impl Iterator<Item = &'a Type>, words: &Words, errors: &mut Errors) -> Vec<Argument> {
    let it = words.it;
    let mut arguments = Vec::new();
    for ty in types {
        match ty {
            Type::ImplTrait(_) => errors.report(ty, format!("{it} has no generics: name the argument's type")),
            Type::Reference(TypeReference { mutability: Some(_), elem, .. }) => {
                if takes_transaction(&arguments) {
                    errors.report(ty, format!("{it} has one transaction; remove this `&mut` argument"));
                }
                arguments.push(Argument::Transaction((**elem).clone()));
            }
            _ => arguments.push(Argument::Extractor(ty.clone())),
        }
    }
    arguments
}

/// The type without the invisible group that a `macro_rules` fragment has around it, and without parentheses.
pub(crate) fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        Type::Paren(paren) => ungrouped(&paren.elem),
        other => other,
    }
}
