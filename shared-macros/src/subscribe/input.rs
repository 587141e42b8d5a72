//! The attribute and the function's signature, as written. The body is not parsed.

use darling::FromMeta;
use darling::ast::NestedMeta;
use proc_macro2::{Span, TokenStream};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Ident, Lit, LitStr, Meta, MetaList, Path, Signature, Visibility};

use crate::attribute::{Count, CratePath, Flag, Form, Keys, Value, crate_path, docs, options, text};
use crate::diagnostics::Errors;

/// The raw model: nothing in it has been checked but the form of each value.
pub(crate) struct Input {
    pub(crate) pattern: Option<LitStr>,
    pub(crate) options: Options,
    pub(crate) krate: Path,
    pub(crate) function: Option<Function>,
}

/// The options of `#[subscribe("…", ..)]`.
#[derive(Default, FromMeta)]
pub(crate) struct Options {
    pub(crate) retry: Option<Value<RetryList>>,
    pub(crate) concurrency: Option<Value<Count>>,
    pub(crate) unordered: Option<Value<Flag>>,
    pub(crate) partitions: Option<Value<Count>>,
    pub(crate) batch: Option<Value<BatchList>>,
    pub(crate) on_unknown: Option<Value<Word>>,
    pub(crate) name: Option<Value<Durable>>,
    pub(crate) timeout: Option<Value<Timeout>>,
    #[darling(rename = "crate")]
    krate: Option<Value<CratePath>>,
}

/// The options of `retry(..)`.
#[derive(Default, FromMeta)]
pub(crate) struct RetryOptions {
    pub(crate) max: Option<Value<Count>>,
    pub(crate) backoff: Option<Value<Backoff>>,
}

/// The options of `batch(..)`.
#[derive(Default, FromMeta)]
pub(crate) struct BatchOptions {
    pub(crate) max: Option<Value<Count>>,
    pub(crate) wait: Option<Value<Wait>>,
}

/// A function up to its body.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
}

/// The type beside the function, which it is registered by.
pub(crate) struct Target {
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) ident: Ident,
    pub(crate) docs: String,
}

const KEYS: Keys<'_> = Keys::of(
    "subscribe",
    &["retry", "concurrency", "unordered", "partitions", "batch", "on_unknown", "name", "timeout", "crate"],
);

const NEEDS_PATTERN: &str = "`#[subscribe]` needs a subject pattern, for example `#[subscribe(\"appointment.*\")]`";
const A_HANDLER_IS: &str = "`#[subscribe]` belongs on a free async fn\nhelp: write `async fn remind(event: AppointmentScheduled) -> Result<()> { … }`";

impl Input {
    pub(crate) fn read(attribute: TokenStream, item: TokenStream, errors: &mut Errors) -> Self {
        let mut entries = errors.take(NestedMeta::parse_meta_list(attribute)).unwrap_or_default();
        let unreadable = errors.len() > 0;
        let pattern = match entries.first() {
            Some(NestedMeta::Lit(Lit::Str(_))) => match entries.remove(0) {
                NestedMeta::Lit(Lit::Str(pattern)) => Some(pattern),
                _ => None,
            },
            Some(NestedMeta::Lit(_)) => {
                errors.report(&entries.remove(0), NEEDS_PATTERN);
                None
            }
            _ if unreadable => None,
            _ => {
                errors.report_at(Span::call_site(), NEEDS_PATTERN);
                // what was meant for the pattern has just been answered
                entries.retain(|entry| !names_pattern(entry));
                None
            }
        };
        let entries = KEYS.vet(entries, errors);
        let mut options: Options = options(&entries, errors);
        let krate = crate_path(options.krate.take(), errors);
        Self { pattern, options, krate, function: Function::read(item, errors) }
    }

    /// The type to emit, also when the declaration is refused; none for a method, beside which none can be.
    pub(crate) fn target(&self) -> Option<Target> {
        self.function.as_ref().filter(|function| function.sig.receiver().is_none()).map(|function| Target {
            cfgs: function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect(),
            vis: function.vis.clone(),
            ident: function.sig.ident.clone(),
            docs: docs(&function.attrs),
        })
    }
}

fn names_pattern(entry: &NestedMeta) -> bool {
    matches!(entry, NestedMeta::Meta(meta) if meta.path().is_ident("pattern") || meta.path().is_ident("subject"))
}

impl Function {
    fn read(item: TokenStream, errors: &mut Errors) -> Option<Self> {
        let read = |input: ParseStream<'_>| {
            let attrs = Attribute::parse_outer(input)?;
            let vis = input.parse()?;
            let start = input.span();
            let sig = Signature::parse(input);
            let _body: TokenStream = input.parse()?;
            Ok((attrs, vis, start, sig))
        };
        let (attrs, vis, start, sig) = errors.take(syn::parse::Parser::parse2(read, item))?;
        match sig {
            Ok(sig) => Some(Self { attrs, vis, sig }),
            Err(_) => {
                errors.report_at(start, A_HANDLER_IS);
                None
            }
        }
    }
}

/// `retry(..)`.
pub(crate) struct RetryList(pub(crate) MetaList);

impl Form for RetryList {
    const TAKES: &'static str = "a list, such as `retry(max = 8, backoff = \"200ms..1m\")`";

    fn read(meta: &Meta) -> Option<Self> {
        meta.require_list().ok().cloned().map(Self)
    }
}

/// `batch(..)`.
pub(crate) struct BatchList(pub(crate) MetaList);

impl Form for BatchList {
    const TAKES: &'static str = "a list, such as `batch(max = 500, wait = \"50ms\")`";

    fn read(meta: &Meta) -> Option<Self> {
        meta.require_list().ok().cloned().map(Self)
    }
}

macro_rules! text_form {
    ($(#[$doc:meta])* $name:ident: $takes:literal) => {
        $(#[$doc])*
        pub(crate) struct $name(pub(crate) LitStr);

        impl Form for $name {
            const TAKES: &'static str = $takes;

            fn read(meta: &Meta) -> Option<Self> {
                text(meta).map(Self)
            }
        }
    };
}

text_form! {
    /// `on_unknown`.
    Word: "`\"park\"` or `\"skip\"`"
}
text_form! {
    /// `name`.
    Durable: "a string literal such as `\"reminders-v2\"`"
}
text_form! {
    /// `timeout`.
    Timeout: "a duration such as `\"30s\"`"
}
text_form! {
    /// `backoff`.
    Backoff: "two durations such as `\"200ms..1m\"`"
}
text_form! {
    /// `wait`.
    Wait: "a duration such as `\"50ms\"`"
}
