//! The lists inside attributes: `#[event(subject = "…", key = appointment_id)]`.
//!
//! Keys are vetted here (unknown, given twice, no key at all), so that darling's derived parsers only see keys
//! that they know; a value is a [`Value`], which keeps its mistake instead of ending the parse. So one pass
//! over an item finds everything that is wrong with it.

use darling::FromMeta;
use darling::ast::NestedMeta;
use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, ExprLit, Ident, Lit, LitStr, Meta, MetaNameValue, Path};

use crate::diagnostics::{Errors, did_you_mean, list};

/// How the entries of a list are called, and which there are.
pub(crate) struct Keys<'a> {
    /// The attribute (or the option) whose list it is.
    pub(crate) of: &'a str,
    /// `key`, or `rule` for validation rules.
    pub(crate) noun: &'a str,
    pub(crate) known: &'a [&'a str],
    /// Those that may be given more than once.
    pub(crate) repeatable: &'a [&'a str],
}

impl<'a> Keys<'a> {
    pub(crate) const fn of(of: &'a str, known: &'a [&'a str]) -> Self {
        Self { of, noun: "key", known, repeatable: &[] }
    }

    /// One entry, as it may be written.
    fn example(&self) -> &'a str {
        match (self.of, self.noun) {
            ("event", _) => "subject = \"appointment.booked\"",
            ("query", _) => "subject = \"appointment.get\", reply = Appointment",
            ("validate", "rule") => "range(min = 5, max = 480)",
            ("entity", _) if self.known.contains(&"table") => "table = \"appointments\"",
            _ => self.known.first().copied().unwrap_or_default(),
        }
    }

    /// The entries of every attribute of this name, those with a mistake left out.
    pub(crate) fn in_attributes(&self, attributes: &[Attribute], errors: &mut Errors) -> Vec<NestedMeta> {
        let mut entries = Vec::new();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(self.of)) {
            match &attribute.meta {
                Meta::List(meta) => entries.extend(self.parse(meta.tokens.clone(), errors)),
                other => errors.report(
                    other,
                    format!("`{}` takes a list in parentheses, such as `#[{}({})]`", self.of, self.of, self.example()),
                ),
            }
        }
        self.vet(entries, errors)
    }

    /// The entries of one list, those with a mistake left out.
    pub(crate) fn in_list(&self, tokens: TokenStream, errors: &mut Errors) -> Vec<NestedMeta> {
        let entries = self.parse(tokens, errors);
        self.vet(entries, errors)
    }

    fn parse(&self, tokens: TokenStream, errors: &mut Errors) -> Vec<NestedMeta> {
        errors.take(NestedMeta::parse_meta_list(tokens)).unwrap_or_default()
    }

    /// Leaves out what is no key, an unknown key or one that was given before.
    pub(crate) fn vet(&self, entries: Vec<NestedMeta>, errors: &mut Errors) -> Vec<NestedMeta> {
        let mut seen: Vec<String> = Vec::new();
        let mut keep = |entry: &NestedMeta| {
            let Some(path) = key_path(entry) else {
                let known = list(self.known.iter().copied());
                errors.report(entry, format!("`{}` takes {}s with a name: {known}", self.of, self.noun));
                return false;
            };
            let key = key_name(path);
            if !self.known.contains(&key.as_str()) {
                let hint = match did_you_mean(&key, self.known.iter().copied()) {
                    none if none.is_empty() => format!("; there are {}", list(self.known.iter().copied())),
                    hint => hint,
                };
                errors.report(path, format!("unknown `{}` {} `{key}`{hint}", self.of, self.noun));
                return false;
            }
            if seen.contains(&key) && !self.repeatable.contains(&key.as_str()) {
                errors.report(path, format!("`{key}` is set twice; remove one"));
                return false;
            }
            seen.push(key);
            true
        };
        entries.into_iter().filter(|entry| keep(entry)).map(readable).collect()
    }
}

/// An entry whose value is no expression, as one whose value has no form that anybody takes: then it is reported like
/// any other wrong value.
fn readable(entry: NestedMeta) -> NestedMeta {
    match entry {
        NestedMeta::NameValueInvalidExpr(entry) => NestedMeta::Meta(Meta::NameValue(MetaNameValue {
            path: entry.path,
            eq_token: entry.eq_token,
            value: Expr::Verbatim(entry.value),
        })),
        other => other,
    }
}

fn key_path(entry: &NestedMeta) -> Option<&Path> {
    match entry {
        NestedMeta::Meta(meta) => Some(meta.path()),
        NestedMeta::NameValueInvalidExpr(meta) => Some(&meta.path),
        NestedMeta::Lit(_) => None,
    }
}

fn key_name(path: &Path) -> String {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>().join("::")
}

/// Reads vetted entries into a struct of optional values, which cannot fail.
pub(crate) fn options<T: FromMeta + Default>(entries: &[NestedMeta], errors: &mut Errors) -> T {
    errors.take(T::from_list(entries)).unwrap_or_default()
}

/// A kind of value that an attribute's key can have.
pub(crate) trait Form: Sized {
    /// The form in words, with an example, as it follows "`subject` takes".
    const TAKES: &'static str;

    /// Reads the entry, or `None` when it has another form.
    fn read(meta: &Meta) -> Option<Self>;
}

/// A key's value, or the mistake in it.
pub(crate) struct Value<T> {
    key: Span,
    value: Result<T, syn::Error>,
}

impl<T> Value<T> {
    /// Where the key stands.
    pub(crate) fn key(&self) -> Span {
        self.key
    }

    /// The value, or its mistake reported.
    pub(crate) fn take(self, errors: &mut Errors) -> Option<T> {
        errors.take(self.value)
    }
}

impl<T: Form> FromMeta for Value<T> {
    fn from_meta(meta: &Meta) -> darling::Result<Self> {
        Ok(Self {
            key: meta.path().span(),
            value: T::read(meta).ok_or_else(|| wrong_form::<T>(meta.path(), value_tokens(meta))),
        })
    }
}

fn wrong_form<T: Form>(key: &Path, value: TokenStream) -> syn::Error {
    let at = if value.is_empty() { key.to_token_stream() } else { value };
    syn::Error::new_spanned(at, format!("`{}` takes {}", key_name(key), T::TAKES))
}

/// The value of an entry, or its list, or the bare key: where the error belongs.
fn value_tokens(meta: &Meta) -> TokenStream {
    match meta {
        Meta::NameValue(pair) => pair.value.to_token_stream(),
        other => other.to_token_stream(),
    }
}

/// The expression after `=`, without the invisible group that a `macro_rules` fragment has around it.
pub(crate) fn expression(meta: &Meta) -> Option<&Expr> {
    match meta {
        Meta::NameValue(pair) => Some(ungroup(&pair.value)),
        _ => None,
    }
}

fn ungroup(expr: &Expr) -> &Expr {
    match expr {
        Expr::Group(group) => ungroup(&group.expr),
        other => other,
    }
}

/// The string literal after `=`.
pub(crate) fn text(meta: &Meta) -> Option<LitStr> {
    match expression(meta)? {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.clone()),
        _ => None,
    }
}

/// The path after `=`.
pub(crate) fn path(meta: &Meta) -> Option<Path> {
    match expression(meta)? {
        Expr::Path(path) if path.qself.is_none() => Some(path.path.clone()),
        _ => None,
    }
}

/// A number after `=` that may stand in a table: not negative, at most `u32::MAX`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count {
    pub(crate) value: u32,
    pub(crate) span: Span,
}

impl Form for Count {
    const TAKES: &'static str = "a whole number such as `8`";

    fn read(meta: &Meta) -> Option<Self> {
        match expression(meta)? {
            Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => {
                Some(Self { value: number.base10_parse().ok()?, span: number.span() })
            }
            _ => None,
        }
    }
}

/// A key without a value.
pub(crate) struct Flag;

impl Form for Flag {
    const TAKES: &'static str = "no value: write the word alone";

    fn read(meta: &Meta) -> Option<Self> {
        meta.require_path_only().ok().map(|_| Self)
    }
}

/// `crate = path`: where the runtime crate is, when it is not `::shared`.
pub(crate) struct CratePath(pub(crate) Path);

impl Form for CratePath {
    const TAKES: &'static str = "the path of the renamed crate, such as `::my_shared`";

    fn read(meta: &Meta) -> Option<Self> {
        path(meta).map(Self)
    }
}

/// The path that generated code reaches the runtime crate by.
pub(crate) fn crate_path(given: Option<Value<CratePath>>, errors: &mut Errors) -> Path {
    given.and_then(|value| value.take(errors)).map_or_else(|| syn::parse_quote!(::shared), |CratePath(path)| path)
}

/// The identifier's text as the payload and the messages have it: `r#type` is `type`.
pub(crate) fn plain_name(ident: &Ident) -> String {
    use syn::ext::IdentExt as _;
    ident.unraw().to_string()
}

/// The text of `///` comments, without the blank at the start of each line.
pub(crate) fn docs(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("doc"))
        .filter_map(|attribute| text(&attribute.meta))
        .map(|text| text.value())
        .flat_map(|text| {
            text.split('\n').map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned()).collect::<Vec<_>>()
        })
        .collect();
    lines.join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    const KEYS: Keys<'_> = Keys::of("event", &["subject", "version"]);

    struct Subject(LitStr);

    impl Form for Subject {
        const TAKES: &'static str = "a string literal such as `\"appointment.booked\"`";

        fn read(meta: &Meta) -> Option<Self> {
            text(meta).map(Self)
        }
    }

    #[derive(Default, FromMeta)]
    struct Options {
        subject: Option<Value<Subject>>,
        version: Option<Value<Count>>,
    }

    fn read(tokens: TokenStream) -> (Option<String>, Option<u32>, Vec<String>) {
        let mut errors = Errors::new();
        let entries = KEYS.in_list(tokens, &mut errors);
        let options: Options = options(&entries, &mut errors);
        let subject = options.subject.and_then(|value| value.take(&mut errors)).map(|Subject(text)| text.value());
        let version = options.version.and_then(|value| value.take(&mut errors)).map(|count| count.value);
        (subject, version, errors.messages())
    }

    #[test]
    fn good_entries_are_read() {
        assert_eq!(read(quote!(subject = "a.b", version = 2)), (Some("a.b".into()), Some(2), vec![]));
    }

    #[test]
    fn every_bad_entry_is_reported_and_the_good_ones_are_still_read() {
        let (subject, version, messages) =
            read(quote!(subjct = "a", subject = type, version = 2, version = 3, "loose", colour = 1));
        assert_eq!((subject, version), (None, Some(2)));
        assert_eq!(
            messages,
            [
                "unknown `event` key `subjct`; did you mean `subject`?",
                "`version` is set twice; remove one",
                "`event` takes keys with a name: `subject` and `version`",
                "unknown `event` key `colour`; there are `subject` and `version`",
                "`subject` takes a string literal such as `\"appointment.booked\"`",
            ]
        );
    }

    #[test]
    fn values_of_another_form_say_which_form_it_should_be() {
        for bad in [
            quote!(version),
            quote!(version = "2"),
            quote!(version = -1),
            quote!(version = 5_000_000_000),
            quote!(version(2)),
        ] {
            let (_, version, messages) = read(bad);
            assert_eq!((version, messages), (None, vec![String::from("`version` takes a whole number such as `8`")]));
        }
    }
}
