//! Regular expressions of Rust as JSON Schema has them: in the form of ECMA-262.

use std::fmt::Write as _;

use regex_syntax::ast::parse::Parser;
use regex_syntax::ast::{Assertion, AssertionKind, Ast, ClassSet, ClassSetItem, GroupKind, Literal, LiteralKind};
use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// The same expression for ECMA-262, as far as there is one. What both understand stays as it was written.
///
/// `\d`, `\w` and `\s` stay too: a producer who knows the digits of ASCII alone sends nothing that is refused.
pub(super) fn ecma(pattern: &str) -> Option<String> {
    let ast = Parser::new().parse(pattern).ok()?;
    if is_common(&ast) {
        return Some(pattern.to_owned());
    }
    let mut translated = String::new();
    write(&regex_syntax::parse(pattern).ok()?, &mut translated)?;
    Some(translated)
}

/// Whether both languages understand it, and in the same way.
fn is_common(ast: &Ast) -> bool {
    match ast {
        Ast::Empty(_) | Ast::Dot(_) | Ast::ClassPerl(_) => true,
        Ast::Flags(_) => false,
        Ast::Literal(literal) => !"]}".contains(literal.c) && is_common_literal(literal, ""),
        Ast::Assertion(assertion) => is_common_assertion(assertion),
        // in ECMA-262 there are fewer names
        Ast::ClassUnicode(_) => false,
        Ast::ClassBracketed(class) => is_common_set(&class.kind),
        Ast::Repetition(repetition) => is_common(&repetition.ast),
        Ast::Group(group) => is_common_group(&group.kind) && is_common(&group.ast),
        Ast::Alternation(alternation) => alternation.asts.iter().all(is_common),
        Ast::Concat(concat) => concat.asts.iter().all(is_common),
    }
}

fn is_common_group(kind: &GroupKind) -> bool {
    match kind {
        GroupKind::CaptureIndex(_) => true,
        GroupKind::CaptureName { starts_with_p, .. } => !starts_with_p,
        GroupKind::NonCapturing(flags) => flags.items.is_empty(),
    }
}

/// `further` are characters that may be escaped, besides those that must be.
fn is_common_literal(literal: &Literal, further: &str) -> bool {
    match literal.kind {
        LiteralKind::Verbatim => true,
        LiteralKind::Meta | LiteralKind::Superfluous => {
            "^$\\.*+?()[]{}|/".contains(literal.c) || further.contains(literal.c)
        }
        _ => false,
    }
}

/// A word's end is another one with Unicode than without.
fn is_common_assertion(assertion: &Assertion) -> bool {
    matches!(assertion.kind, AssertionKind::StartLine | AssertionKind::EndLine)
}

fn is_common_set(set: &ClassSet) -> bool {
    match set {
        ClassSet::BinaryOp(_) => false,
        ClassSet::Item(item) => is_common_item(item),
    }
}

fn is_common_item(item: &ClassSetItem) -> bool {
    match item {
        ClassSetItem::Empty(_) | ClassSetItem::Perl(_) => true,
        ClassSetItem::Literal(literal) => is_common_literal(literal, "-"),
        ClassSetItem::Range(range) => is_common_literal(&range.start, "-") && is_common_literal(&range.end, "-"),
        ClassSetItem::Union(union) => union.items.iter().all(is_common_item),
        ClassSetItem::Ascii(_) | ClassSetItem::Unicode(_) | ClassSetItem::Bracketed(_) => false,
    }
}

/// Writes what the expression means; `None` where ECMA-262 has no word for it.
fn write(hir: &Hir, out: &mut String) -> Option<()> {
    match hir.kind() {
        HirKind::Empty => out.push_str("(?:)"),
        HirKind::Literal(literal) => {
            std::str::from_utf8(&literal.0).ok()?.chars().for_each(|c| write_character(c, false, out));
        }
        HirKind::Class(Class::Unicode(class)) => {
            out.push('[');
            for range in class.iter() {
                write_character(range.start(), true, out);
                if range.start() != range.end() {
                    out.push('-');
                    write_character(range.end(), true, out);
                }
            }
            out.push(']');
        }
        HirKind::Class(Class::Bytes(_)) => return None,
        HirKind::Look(Look::Start) => out.push('^'),
        HirKind::Look(Look::End) => out.push('$'),
        HirKind::Look(_) => return None,
        HirKind::Repetition(repetition) => {
            write_group(&repetition.sub, out)?;
            match (repetition.min, repetition.max) {
                (0, None) => out.push('*'),
                (1, None) => out.push('+'),
                (0, Some(1)) => out.push('?'),
                (min, None) => write!(out, "{{{min},}}").ok()?,
                (min, Some(max)) if min == max => write!(out, "{{{min}}}").ok()?,
                (min, Some(max)) => write!(out, "{{{min},{max}}}").ok()?,
            }
        }
        HirKind::Capture(capture) => write_group(&capture.sub, out)?,
        HirKind::Concat(parts) => {
            for part in parts {
                if matches!(part.kind(), HirKind::Alternation(_)) {
                    write_group(part, out)?;
                } else {
                    write(part, out)?;
                }
            }
        }
        HirKind::Alternation(parts) => {
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    out.push('|');
                }
                write(part, out)?;
            }
        }
    }
    Some(())
}

fn write_group(hir: &Hir, out: &mut String) -> Option<()> {
    if matches!(hir.kind(), HirKind::Class(_)) {
        return write(hir, out);
    }
    out.push_str("(?:");
    write(hir, out)?;
    out.push(')');
    Some(())
}

fn write_character(c: char, in_class: bool, out: &mut String) {
    let special = if in_class { "\\]^-[" } else { "^$\\.*+?()[]{}|/" };
    if special.contains(c) {
        out.push('\\');
        out.push(c);
    } else if c.is_control() && u32::from(c) < 0x100 {
        out.push_str(&format!("\\x{:02x}", u32::from(c)));
    } else {
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_understand_stays_as_it_was() {
        for pattern in [r"^[A-Z]{2}\d{6}$", "^[^<>]*$", r"a|b(?:c)?", r"^\w+-\.\/$", r"[\s\-]", "ä"] {
            assert_eq!(ecma(pattern).as_deref(), Some(pattern));
        }
    }

    #[test]
    fn what_only_rust_understands_is_translated() {
        for (rust, ecma_262) in [
            ("(?i)ab", "[Aa][Bb]"),
            (r"\Aa+\z", "^(?:a)+$"),
            ("[[:digit:]]{2}", "[0-9]{2}"),
            ("[a-z&&[^b]]", "[ac-z]"),
            ("(?x) a b # nothing", "ab"),
            (r"(?P<year>x|y)\x{e4}", "[x-y]ä"),
            (r"[\]\[\t]", r"[\x09\[\]]"),
        ] {
            assert_eq!(ecma(rust).as_deref(), Some(ecma_262), "{rust}");
        }
    }

    #[test]
    fn what_only_rust_can_say_is_left() {
        for pattern in [r"\bend\b", "(?m)^a$"] {
            assert_eq!(ecma(pattern), None);
        }
    }
}
