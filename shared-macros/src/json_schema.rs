//! `#[derive(JsonSchema)]`: that of `schemars`, which finds `schemars` by itself and sees no `#[validate(..)]`.
//!
//! The derive of `schemars` takes our rules for those of another crate: it says some of them where nobody asks for
//! them, and does not compile with others. So it is given a copy of the type without them.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, Data, DeriveInput, Expr, GenericParam, Generics, Lit, Meta, Path, Visibility, parse_quote};

use crate::attribute::plain_name;
use crate::spans::generated;
use crate::wire;

/// `#[derive(JsonSchema)]`.
pub(crate) fn expand_json_schema(input: TokenStream) -> TokenStream {
    match syn::parse2::<DeriveInput>(input) {
        Ok(item) => expand(item),
        Err(error) => error.to_compile_error(),
    }
}

fn expand(item: DeriveInput) -> TokenStream {
    let schemars = given_crate(&item.attrs).unwrap_or_else(|| parse_quote!(::shared::schemars));
    let (ident, generics) = (item.ident.clone(), item.generics.clone());
    let copy = described(item, &schemars);
    let described = &copy.ident;
    let mut bounded = generics.clone();
    for parameter in bounded.type_params_mut() {
        parameter.bounds.push(parse_quote!(#schemars::JsonSchema));
    }
    let (_, arguments, _) = generics.split_for_impl();
    let (parameters, _, wheres) = bounded.split_for_impl();
    let this = generated!(<#described #arguments as __schemars::JsonSchema>);
    let text = generated!(::std::borrow::Cow<'static, str>);
    generated! {
        #[allow(warnings)]
        const _: () = {
            use #schemars as __schemars;
            #copy
            #[automatically_derived]
            impl #parameters __schemars::JsonSchema for #ident #arguments #wheres {
                fn inline_schema() -> bool { #this::inline_schema() }
                fn schema_name() -> #text { #this::schema_name() }
                fn schema_id() -> #text { #this::schema_id() }
                fn json_schema(__generator: &mut __schemars::SchemaGenerator) -> __schemars::Schema {
                    #this::json_schema(__generator)
                }
            }
        };
    }
}

/// The copy, by the name of the type.
fn described(mut item: DeriveInput, schemars: &Path) -> DeriveInput {
    let is_named = wire::has(&item.attrs, "rename") || key(&item.attrs, "rename").is_some();
    let name = name(&plain_name(&item.ident), &item.generics);
    item.ident = format_ident!("__{}", plain_name(&item.ident), span = item.ident.span());
    item.vis = Visibility::Inherited;
    keep(&mut item.attrs);
    match &mut item.data {
        Data::Struct(data) => data.fields.iter_mut().for_each(|field| keep(&mut field.attrs)),
        Data::Enum(data) => {
            for variant in &mut data.variants {
                keep(&mut variant.attrs);
                variant.fields.iter_mut().for_each(|field| keep(&mut field.attrs));
            }
        }
        Data::Union(_) => {}
    }
    // before the attributes that it introduces
    item.attrs.insert(0, parse_quote!(#[derive(__schemars::JsonSchema)]));
    if key(&item.attrs, "crate").is_none() {
        let path = quote!(#schemars).to_string().replace(' ', "");
        item.attrs.push(parse_quote!(#[schemars(crate = #path)]));
    }
    if !is_named {
        item.attrs.push(parse_quote!(#[schemars(rename = #name)]));
    }
    item
}

/// A generic type is called after its parameters too.
fn name(ident: &str, generics: &Generics) -> String {
    let parameters = generics.params.iter().filter_map(|parameter| match parameter {
        GenericParam::Type(parameter) => Some(format!("{{{}}}", parameter.ident)),
        GenericParam::Const(parameter) => Some(format!("{{{}}}", parameter.ident)),
        GenericParam::Lifetime(_) => None,
    });
    let parameters: Vec<String> = parameters.collect();
    if parameters.is_empty() { ident.to_owned() } else { format!("{ident}_for_{}", parameters.join("_and_")) }
}

/// What `schemars` reads, and the documentation. Other derives have theirs.
fn keep(attributes: &mut Vec<Attribute>) {
    let kept = ["cfg_attr", "deprecated", "doc", "repr", "schemars", "serde"];
    attributes.retain(|attribute| kept.iter().any(|name| attribute.path().is_ident(name)));
}

/// The value of a key of `#[schemars(..)]`.
fn key(attributes: &[Attribute], name: &str) -> Option<Expr> {
    let mut found = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("schemars")) {
        let Meta::List(list) = &attribute.meta else { continue };
        // what cannot be read here is reported by `schemars`
        let _ = list.parse_nested_meta(|meta| {
            if let Ok(value) = meta.value() {
                let value: Expr = value.parse()?;
                if meta.path.is_ident(name) {
                    found = Some(value);
                }
            } else if meta.input.peek(syn::token::Paren) {
                let inner;
                syn::parenthesized!(inner in meta.input);
                inner.parse::<TokenStream>()?;
            }
            Ok(())
        });
    }
    found
}

fn given_crate(attributes: &[Attribute]) -> Option<Path> {
    match key(attributes, "crate")? {
        Expr::Lit(literal) => match literal.lit {
            Lit::Str(text) => text.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(item: DeriveInput) -> String {
        let copy = described(item, &parse_quote!(::shared::schemars));
        quote!(#copy).to_string()
    }

    #[test]
    fn the_copy_has_what_schemars_reads() {
        let copied = copy(parse_quote! {
            /// An address.
            #[serde(rename_all = "camelCase")]
            #[entity(rename = "x")]
            pub struct Address {
                /// The street.
                #[validate(length(max = 100))]
                #[serde(default)]
                pub street: String,
            }
        });
        let expected: DeriveInput = parse_quote! {
            #[derive(__schemars::JsonSchema)]
            /// An address.
            #[serde(rename_all = "camelCase")]
            #[schemars(crate = "::shared::schemars")]
            #[schemars(rename = "Address")]
            struct __Address {
                /// The street.
                #[serde(default)]
                pub street: String,
            }
        };
        assert_eq!(copied, quote!(#expected).to_string());
    }

    #[test]
    fn a_name_of_the_users_stays() {
        for item in [
            parse_quote!(
                #[serde(rename = "a")]
                struct X;
            ),
            parse_quote!(
                #[schemars(extend("examples" = [1]), rename = "a")]
                struct X;
            ),
        ] {
            assert!(!copy(item).contains("\"X\""));
        }
        let generic = copy(parse_quote!(
            struct Page<'a, T, const N: usize>(&'a [T; N]);
        ));
        assert!(generic.contains("\"Page_for_{T}_and_{N}\""), "{generic}");
    }

    #[test]
    fn variants_keep_no_attributes_of_other_derives() {
        let copied = copy(parse_quote! {
            enum Status {
                #[default]
                #[serde(rename = "b")]
                Booked,
            }
        });
        assert!(!copied.contains("default") && copied.contains("rename = \"b\""), "{copied}");
    }
}
