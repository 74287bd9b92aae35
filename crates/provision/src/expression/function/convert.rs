//! `Convert.*` and `Iso3166Convert.*`.

use super::{Call, Function, function};
use crate::expression::Error;
use serde_json::{Number, Value};

pub(super) const TABLE: &[Function] = &[
    function("Convert.toInt", 1, 1, to_int),
    function("Convert.toNum", 1, 1, to_num),
    function("Iso3166Convert.toAlpha2", 1, 1, |call| country(call, 0)),
    function("Iso3166Convert.toAlpha3", 1, 1, |call| country(call, 1)),
    function("Iso3166Convert.toNumeric", 1, 1, |call| country(call, 2)),
    function("Iso3166Convert.toName", 1, 1, |call| country(call, 3)),
];

/// A number; nothing of null and of an empty text.
fn number(call: &mut Call<'_>) -> Result<Option<f64>, Error> {
    let Some(text) = call.text(0)?.filter(|text| !text.trim().is_empty()) else {
        call.warn("there is nothing to convert; null is taken");
        return Ok(None);
    };
    let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
    number.map(Some).ok_or_else(|| call.error("this text is no number"))
}

/// To the nearest whole number; a half goes up, as Java rounds.
fn to_int(call: &mut Call<'_>) -> Result<Value, Error> {
    if let Some(whole) = call.text(0)?.and_then(|text| text.trim().parse::<i64>().ok()) {
        return Ok(whole.into());
    }
    let Some(number) = number(call)? else { return Ok(Value::Null) };
    // Beyond 2^53 a fraction says nothing any more, and the cast could not be exact.
    let rounded = (number + 0.5).floor();
    if rounded.abs() > 9_007_199_254_740_992.0 {
        return Err(call.error("the number is too large"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "the bound above keeps it exact")]
    let whole = rounded as i64;
    Ok(whole.into())
}

fn to_num(call: &mut Call<'_>) -> Result<Value, Error> {
    Ok(number(call)?.and_then(Number::from_f64).into())
}

/// Alpha-2, alpha-3, numeric and name, in the order of alpha-2.
const COUNTRIES: &str = include_str!("../countries.tsv");

fn country(call: &mut Call<'_>, column: usize) -> Result<Value, Error> {
    let Some(code) = call.text(0)? else { return Ok(Value::Null) };
    let code = code.trim().to_uppercase();
    let padded = format!("{code:0>3}");
    let row = COUNTRIES.lines().map(|line| line.split('\t').collect::<Vec<_>>()).find(|row| {
        row.iter().take(2).any(|known| *known == code) || row.get(2).is_some_and(|numeric| *numeric == padded)
    });
    let found = row.and_then(|row| row.get(column).map(|text| Value::from(*text)));
    if found.is_none() && !code.is_empty() {
        call.warn("this is no country code; null is taken");
    }
    Ok(found.unwrap_or(Value::Null))
}
