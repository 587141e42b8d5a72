//! What `#[subscribe]` and `#[respond]` have in common: a free async fn that the library calls, with one message first,
//! and a type beside it that it is registered by.

mod expand;
mod signature;

use darling::ast::NestedMeta;
use proc_macro2::{Span, TokenStream};
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::{Attribute, Ident, Lit, LitStr, Signature, Visibility};

pub(crate) use self::expand::{Method, call, check, declaration, description};
pub(crate) use self::signature::{Argument, kind, signature, takes_transaction, ungrouped};
use crate::attribute::docs;
use crate::diagnostics::Errors;

/// What the messages call it.
pub(crate) struct Words {
    /// With its article: "a subscriber".
    pub(crate) it: &'static str,
    /// What it takes first: "event".
    pub(crate) message: &'static str,
    /// The type of one.
    pub(crate) example: &'static str,
    /// The attribute has no subject.
    pub(crate) needs_subject: &'static str,
    /// Keys by which the subject may have been meant.
    pub(crate) subject_keys: &'static [&'static str],
    /// The item is no function.
    pub(crate) misplaced: &'static str,
}

/// A function up to its body, which is not parsed.
pub(crate) struct Function {
    attrs: Vec<Attribute>,
    vis: Visibility,
    pub(crate) sig: Signature,
}

/// The type beside the function.
pub(crate) struct Target {
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) ident: Ident,
    pub(crate) docs: String,
}

/// Takes the literal in front of the options from them.
pub(crate) fn subject(attribute: TokenStream, words: &Words, errors: &mut Errors) -> (Option<LitStr>, Vec<NestedMeta>) {
    let mut entries = errors.take(NestedMeta::parse_meta_list(attribute)).unwrap_or_default();
    let unreadable = errors.len() > 0;
    let subject = match entries.first() {
        Some(NestedMeta::Lit(_)) => match entries.remove(0) {
            NestedMeta::Lit(Lit::Str(subject)) => Some(subject),
            other => {
                errors.report(&other, words.needs_subject);
                None
            }
        },
        _ if unreadable => None,
        _ => {
            errors.report_at(Span::call_site(), words.needs_subject);
            // what was meant for the subject has just been answered
            entries.retain(|entry| {
                let NestedMeta::Meta(meta) = entry else { return true };
                !words.subject_keys.iter().any(|key| meta.path().is_ident(key))
            });
            None
        }
    };
    (subject, entries)
}

impl Function {
    pub(crate) fn read(item: TokenStream, words: &Words, errors: &mut Errors) -> Option<Self> {
        let read = |input: ParseStream<'_>| {
            let attrs = Attribute::parse_outer(input)?;
            let vis = input.parse()?;
            let start = input.span();
            let sig = Signature::parse(input);
            let _body: TokenStream = input.parse()?;
            Ok((attrs, vis, start, sig))
        };
        let (attrs, vis, start, sig) = errors.take(read.parse2(item))?;
        match sig {
            Ok(sig) => Some(Self { attrs, vis, sig }),
            Err(_) => {
                errors.report_at(start, words.misplaced);
                None
            }
        }
    }

    /// The type to emit, also when the declaration is refused; none for a method, beside which none can be.
    pub(crate) fn target(&self) -> Option<Target> {
        if self.sig.receiver().is_some() {
            return None;
        }
        Some(Target {
            cfgs: self.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect(),
            vis: self.vis.clone(),
            ident: self.sig.ident.clone(),
            docs: docs(&self.attrs),
        })
    }
}
