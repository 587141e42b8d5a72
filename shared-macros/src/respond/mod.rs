//! `#[respond]`: input (attribute and signature as written) -> check (one checked model) -> expand.
//!
//! The function itself is emitted as it came, whatever is wrong with its declaration, as with `#[subscribe]`.

mod check;
mod expand;

use darling::FromMeta;
use proc_macro2::TokenStream;
use syn::{LitStr, Meta, Path};

use crate::attribute::{Count, CratePath, Form, Keys, Value, crate_path, options, text};
use crate::diagnostics::Errors;
use crate::handler::{Function, Words, subject};
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

struct Timeout(LitStr);

impl Form for Timeout {
    const TAKES: &'static str = "a duration such as `\"5s\"`";

    fn read(meta: &Meta) -> Option<Self> {
        text(meta).map(Self)
    }
}

const KEYS: Keys<'_> = Keys::of("respond", &["concurrency", "timeout", "crate"]);

const WORDS: Words = Words {
    it: "a responder",
    message: "query",
    example: "GetAppointment",
    needs_subject: "`#[respond]` needs the query's subject, for example `#[respond(\"appointment.get\")]`",
    subject_keys: &["subject"],
    misplaced: "`#[respond]` belongs on a free async fn\nhelp: write `async fn get(query: GetAppointment) -> Result<Appointment> { … }`",
};

pub(crate) fn expand_respond(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::new();
    let input = Input::read(attribute, item.clone(), &mut errors);
    let (krate, target) = (input.krate.clone(), input.function.as_ref().and_then(Function::target));
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
        let (subject, entries) = subject(attribute, &WORDS, errors);
        let entries = KEYS.vet(entries, errors);
        let mut options: Options = options(&entries, errors);
        let krate = crate_path(options.krate.take(), errors);
        Self { subject, options, krate, function: Function::read(item, &WORDS, errors) }
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
