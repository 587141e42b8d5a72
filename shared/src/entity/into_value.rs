//! What can be given where a value of a column is wanted.

use crate::phi::Phi;

/// What can be given where a value of a column is wanted: the value, a reference to it, for an `Option` or a
/// [`Phi`] what is inside, for a text a `&str`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a value of a column of `{T}`",
    label = "expected `{T}`",
    note = "give a `{T}`, a reference to one, or what is inside of its `Option` or `Phi`"
)]
pub trait IntoValue<T> {
    /// The value.
    fn into_value(self) -> T;
}

#[diagnostic::do_not_recommend]
impl<T> IntoValue<T> for T {
    fn into_value(self) -> T {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T: Clone> IntoValue<T> for &T {
    fn into_value(self) -> T {
        self.clone()
    }
}

#[diagnostic::do_not_recommend]
impl<T> IntoValue<Option<T>> for T {
    fn into_value(self) -> Option<T> {
        Some(self)
    }
}

#[diagnostic::do_not_recommend]
impl<T> IntoValue<Phi<T>> for T {
    fn into_value(self) -> Phi<T> {
        Phi::new(self)
    }
}

#[diagnostic::do_not_recommend]
impl<T> IntoValue<Option<Phi<T>>> for T {
    fn into_value(self) -> Option<Phi<T>> {
        Some(Phi::new(self))
    }
}

#[diagnostic::do_not_recommend]
impl IntoValue<String> for &str {
    fn into_value(self) -> String {
        self.to_owned()
    }
}

#[diagnostic::do_not_recommend]
impl IntoValue<Option<String>> for &str {
    fn into_value(self) -> Option<String> {
        Some(self.to_owned())
    }
}

#[diagnostic::do_not_recommend]
impl IntoValue<Phi<String>> for &str {
    fn into_value(self) -> Phi<String> {
        Phi::new(self.to_owned())
    }
}

#[diagnostic::do_not_recommend]
impl IntoValue<Option<Phi<String>>> for &str {
    fn into_value(self) -> Option<Phi<String>> {
        Some(Phi::new(self.to_owned()))
    }
}
