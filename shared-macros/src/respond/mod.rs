//! `#[respond]`: input (attribute and signature as written) -> check (one checked model) -> expand.
//!
//! The function itself is emitted as it came, whatever is wrong with its declaration, as with `#[subscribe]`.

mod check;
mod expand;

use darling::FromMeta;
use darling::ast::NestedMeta;
use proc_macro2::{Span, TokenStream};
use syn::parse::{Parse as _, ParseStream};
use syn::{Attribute, Ident, Lit, LitStr, Meta, Path, Signature, Visibility};

use crate::attribute::{Count, CratePath, Form, Keys, Value, crate_path, docs, options, text};
use crate::diagnostics::Errors;
use crate::spans::generated;

/// The raw model: nothing in it has been checked but the form of each value.
struct Input {
    subject: Option<LitStr>,
    options: Options,
    krate: Path,
    function: Option<Function>,
}

/// The options of `#[respond("…", ..)]`.
#[derive(Default, FromMeta)]
struct Options {
    concurrency: Option<Value<Count>>,
    timeout: Option<Value<Timeout>>,
    #[darling(rename = "crate")]
    krate: Option<Value<CratePath>>,
}

/// A function up to its body.
struct Function {
    attrs: Vec<Attribute>,
    vis: Visibility,
    sig: Signature,
}

/// The type beside the function, which it is registered by.
struct Target {
    cfgs: Vec<Attribute>,
    vis: Visibility,
    ident: Ident,
    docs: String,
}

struct Timeout(LitStr);

impl Form for Timeout {
    const TAKES: &'static str = "a duration such as `\"5s\"`";

    fn read(meta: &Meta) -> Option<Self> {
        text(meta).map(Self)
    }
}

const KEYS: Keys<'_> = Keys::of("respond", &["concurrency", "timeout", "crate"]);

const NEEDS_SUBJECT: &str = "`#[respond]` needs the query's subject, for example `#[respond(\"appointment.get\")]`";
const A_RESPONDER_IS: &str = "`#[respond]` belongs on a free async fn\nhelp: write `async fn get(query: GetAppointment) -> Result<Appointment> { … }`";

pub(crate) fn expand_respond(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::new();
    let input = Input::read(attribute, item.clone(), &mut errors);
    let (krate, target) = (input.krate.clone(), input.target());
    let model = check::check(input, &mut errors);
    let beside = match errors.finish(model) {
        Ok(model) => expand::expand(&krate, &model),
        Err(mut tokens) => {
            tokens.extend(target.map(|target| expand::fallback(&krate, &target)));
            tokens
        }
    };
    generated!(#item #beside)
}

impl Input {
    fn read(attribute: TokenStream, item: TokenStream, errors: &mut Errors) -> Self {
        let mut entries = errors.take(NestedMeta::parse_meta_list(attribute)).unwrap_or_default();
        let unreadable = errors.len() > 0;
        let subject = match entries.first() {
            Some(NestedMeta::Lit(Lit::Str(_))) => match entries.remove(0) {
                NestedMeta::Lit(Lit::Str(subject)) => Some(subject),
                _ => None,
            },
            Some(NestedMeta::Lit(_)) => {
                errors.report(&entries.remove(0), NEEDS_SUBJECT);
                None
            }
            _ if unreadable => None,
            _ => {
                errors.report_at(Span::call_site(), NEEDS_SUBJECT);
                // what was meant for the subject has just been answered
                entries.retain(|entry| !matches!(entry, NestedMeta::Meta(meta) if meta.path().is_ident("subject")));
                None
            }
        };
        let entries = KEYS.vet(entries, errors);
        let mut options: Options = options(&entries, errors);
        let krate = crate_path(options.krate.take(), errors);
        Self { subject, options, krate, function: Function::read(item, errors) }
    }

    /// The type to emit, also when the declaration is refused; none for a method, beside which none can be.
    fn target(&self) -> Option<Target> {
        self.function.as_ref().filter(|function| function.sig.receiver().is_none()).map(|function| Target {
            cfgs: function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect(),
            vis: function.vis.clone(),
            ident: function.sig.ident.clone(),
            docs: docs(&function.attrs),
        })
    }
}

impl Function {
    fn read(item: TokenStream, errors: &mut Errors) -> Option<Self> {
        let read = |input: ParseStream<'_>| {
            let attrs = Attribute::parse_outer(input)?;
            let vis = Visibility::parse(input)?;
            let start = input.span();
            let sig = Signature::parse(input);
            let _body: TokenStream = input.parse()?;
            Ok((attrs, vis, start, sig))
        };
        let (attrs, vis, start, sig) = errors.take(syn::parse::Parser::parse2(read, item))?;
        match sig {
            Ok(sig) => Some(Self { attrs, vis, sig }),
            Err(_) => {
                errors.report_at(start, A_RESPONDER_IS);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;
    use crate::pretty::pretty;

    #[test]
    fn a_responder_is_thin() {
        let attribute = quote!("appointment.get", concurrency = 8, timeout = "5s");
        let item = quote! {
            /// Answers.
            async fn get(query: GetAppointment, tx: &mut Tx, State(clock): State<Clock>) -> Result<Appointment> { body() }
        };
        let lines = pretty(&expand_respond(attribute, item)).lines().count();
        assert!(lines <= 60, "{lines} lines");
    }
}
