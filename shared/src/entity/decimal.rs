//! Decimal numbers: `numeric` on Postgres, and on SQLite, which has no such type, a text that sorts like the number.

use rust_decimal::Decimal;

use super::def::ColumnType;
use super::value::{Comparable, EntityValue, bind_pg_array};
use crate::db::{Args, Row};
use crate::error::Result;

/// A [`Decimal`] has at most so many digits before the point …
const WHOLE: usize = 29;
/// … and so many after it.
const FRACTION: usize = Decimal::MAX_SCALE as usize;

/// All digits that there can be, with zeros in front and behind, so that texts compare like numbers of one sign. A
/// negative number has `-` before it, which is less than any digit, and the complement of each digit, so that the
/// greater one is the lesser text.
fn sortable(number: Decimal) -> String {
    let (digits, scale) = (number.mantissa().unsigned_abs().to_string(), number.scale() as usize);
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let text = format!("{whole:0>WHOLE$}.{fraction:0<FRACTION$}");
    if number.is_sign_negative() && !number.is_zero() { format!("-{}", complement(&text)) } else { text }
}

fn complement(text: &str) -> String {
    text.chars().map(|c| c.to_digit(10).and_then(|digit| char::from_digit(9 - digit, 10)).unwrap_or(c)).collect()
}

fn parse(text: &str) -> Option<Decimal> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, complement(rest)),
        None => (false, text.to_owned()),
    };
    let (whole, fraction) = text.split_once('.')?;
    let well_formed = whole.len() == WHOLE && fraction.len() == FRACTION;
    if !well_formed || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let scale = u32::try_from(fraction.len()).ok()?;
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    Decimal::try_from_i128_with_scale(if negative { -mantissa } else { mantissa }, scale).ok()
}

impl EntityValue for Decimal {
    const TYPE: ColumnType = ColumnType::Decimal;

    fn bind_option(value: Option<&Self>, args: &mut Args) {
        let value = value.map(|number| number.stored());
        args.add_split(|| value, || value.map(sortable));
    }

    fn bind_array<'a>(values: impl Iterator<Item = Option<&'a Self>>, args: &mut Args) {
        bind_pg_array(args, || values.map(|value| value.map(|number| number.stored())).collect::<Vec<_>>());
    }

    fn read_option(row: &Row, index: usize) -> Result<Option<Self>> {
        row.get_split(index, |number: Self| Some(number.stored()), |text: String| parse(&text))
    }

    /// Without zeros at the end: `12.50` and `12.5` are the same number, and of these two one comes back.
    fn stored(self) -> Self {
        self.normalize()
    }
}
impl Comparable for Decimal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_sort_like_the_numbers_and_come_back() {
        let mut numbers: Vec<Decimal> = ["0", "1", "-1", "0.1", "-0.1", "12.5", "-12.5", "9.99", "10", "-9.99", "-10"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        numbers.extend([Decimal::MAX, Decimal::MIN, Decimal::from_i128_with_scale(1, 28)]);
        numbers.extend((0..1_000).map(|_| {
            let mantissa = i128::from(fastrand::i64(..)) * i128::from(fastrand::u32(..));
            Decimal::from_i128_with_scale(mantissa, fastrand::u32(0..=28))
        }));
        numbers.sort();
        for pair in numbers.windows(2) {
            assert_eq!(sortable(pair[0]).cmp(&sortable(pair[1])), pair[0].cmp(&pair[1]), "{pair:?}");
        }
        for number in numbers {
            assert_eq!(parse(&sortable(number)), Some(number.normalize()));
        }
        assert_eq!(sortable("1.50".parse().unwrap()), sortable("1.5".parse().unwrap()));
        assert_eq!(sortable("-0.0".parse().unwrap()), sortable(Decimal::ZERO));
        for bad in ["", "1.5", "-", "x", &"0".repeat(58), &format!("{}.{}", "9".repeat(29), "9".repeat(28))] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
