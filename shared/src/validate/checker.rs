//! What rules report to while they run.

use super::{Violation, Violations};

/// Collects violations while rules run.
///
/// As long as nothing is broken it costs nothing: a path is put together on the way out of the fields around a
/// violation.
#[derive(Debug, Default)]
pub struct Checker {
    list: Vec<Violation>,
}

enum Segment {
    Field(&'static str),
    Index(usize),
    Any,
}

impl Checker {
    /// Runs rules for one field.
    #[inline]
    pub fn field(&mut self, name: &'static str, rules: impl FnOnce(&mut Self)) {
        self.inside(|| Segment::Field(name), rules);
    }

    /// Runs rules for one item of a list.
    #[inline]
    pub fn item(&mut self, index: usize, rules: impl FnOnce(&mut Self)) {
        self.inside(|| Segment::Index(index), rules);
    }

    /// Runs rules for something without a name that may be said: what a map has below a key, or a member of a set.
    /// The path says `*`.
    #[inline]
    pub fn any(&mut self, rules: impl FnOnce(&mut Self)) {
        self.inside(|| Segment::Any, rules);
    }

    #[inline]
    fn inside(&mut self, segment: impl FnOnce() -> Segment, rules: impl FnOnce(&mut Self)) {
        let before = self.list.len();
        rules(self);
        if self.list.len() > before {
            self.prefix(before, &segment());
        }
    }

    /// Puts a segment before the paths of what was reported inside of it.
    #[cold]
    fn prefix(&mut self, before: usize, segment: &Segment) {
        let segment = match segment {
            Segment::Field(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
            Segment::Index(index) => format!("/{index}"),
            Segment::Any => String::from("/*"),
        };
        for violation in self.list.iter_mut().skip(before) {
            violation.path.insert_str(0, &segment);
        }
    }

    /// Reports a broken rule at the current path.
    #[cold]
    pub fn violation(&mut self, rule: &'static str, expected: impl Into<String>) {
        self.list.push(Violation { path: String::new(), rule, expected: expected.into() });
    }

    /// Ends the check of a value of type `name`.
    ///
    /// # Errors
    /// What was reported, when something was.
    #[inline]
    pub fn finish(self, name: &'static str) -> Result<(), Violations> {
        if self.list.is_empty() { Ok(()) } else { Err(Violations { of: name, list: self.list }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(rules: impl FnOnce(&mut Checker)) -> Vec<String> {
        let mut checker = Checker::default();
        rules(&mut checker);
        let violations = checker.finish("Test").expect_err("something was reported");
        violations.iter().map(|violation| violation.path.clone()).collect()
    }

    #[test]
    fn a_path_leads_to_its_violation() {
        let found = paths(|checker| {
            checker.violation("a", "");
            checker.field("lines", |checker| {
                checker.item(0, |_| {});
                checker.item(1, |checker| {
                    checker.field("amount", |checker| checker.violation("b", ""));
                    checker.violation("c", "");
                });
                checker.any(|checker| checker.violation("d", ""));
            });
            checker.field("last", |checker| checker.violation("e", ""));
        });
        assert_eq!(found, ["", "/lines/1/amount", "/lines/1", "/lines/*", "/last"]);
    }

    #[test]
    fn a_name_is_escaped_as_a_json_pointer_wants_it() {
        let found = paths(|checker| checker.field("a/b~1", |checker| checker.violation("a", "")));
        assert_eq!(found, ["/a~1b~01"]);
    }

    #[test]
    fn nothing_is_reported_of_what_is_right() {
        let mut checker = Checker::default();
        checker.field("a", |checker| checker.item(0, |_| {}));
        assert_eq!(checker.finish("Test"), Ok(()));
    }
}
