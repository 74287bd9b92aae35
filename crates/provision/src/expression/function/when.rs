//! `Time.*` and the methods of instants. Instants travel as ISO 8601 texts.

use super::{Call, Function, function};
use crate::expression::Error;
use crate::expression::pattern::Flavour;
use crate::expression::time;
use serde_json::Value;

pub(super) const TABLE: &[Function] = &[
    function("Time.now", 0, 2, now),
    function("DateTime.now", 0, 0, now),
    function("Time.fromWindowsToIso8601", 1, 1, |call| convert(call, time::from_windows, time::iso)),
    function("Time.fromUnixToIso8601", 1, 1, |call| convert(call, time::from_unix, time::iso)),
    function("Time.fromStringToIso8601", 2, 2, parse),
    function("DateTime.parseString", 1, 2, parse),
    function("Time.fromIso8601ToWindows", 1, 1, |call| convert(call, time::from_iso, time::to_windows)),
    function("Time.fromIso8601ToUnix", 1, 1, |call| convert(call, time::from_iso, time::to_unix)),
    function("Time.fromIso8601ToString", 2, 2, to_string),
    function("DateTime.toString", 1, 2, to_string),
    function("DateTime.toZone", 2, 2, to_zone),
    function("DateTime.plusYears", 2, 2, |call| shift(call, "Years", 1)),
    function("DateTime.plusMonths", 2, 2, |call| shift(call, "Months", 1)),
    function("DateTime.plusWeeks", 2, 2, |call| shift(call, "Weeks", 1)),
    function("DateTime.plusDays", 2, 2, |call| shift(call, "Days", 1)),
    function("DateTime.plusHours", 2, 2, |call| shift(call, "Hours", 1)),
    function("DateTime.plusMinutes", 2, 2, |call| shift(call, "Minutes", 1)),
    function("DateTime.plusSeconds", 2, 2, |call| shift(call, "Seconds", 1)),
    function("DateTime.minusYears", 2, 2, |call| shift(call, "Years", -1)),
    function("DateTime.minusMonths", 2, 2, |call| shift(call, "Months", -1)),
    function("DateTime.minusWeeks", 2, 2, |call| shift(call, "Weeks", -1)),
    function("DateTime.minusDays", 2, 2, |call| shift(call, "Days", -1)),
    function("DateTime.minusHours", 2, 2, |call| shift(call, "Hours", -1)),
    function("DateTime.minusMinutes", 2, 2, |call| shift(call, "Minutes", -1)),
    function("DateTime.minusSeconds", 2, 2, |call| shift(call, "Seconds", -1)),
    function("DateTime.withinDays", 2, 2, |call| within(call, 86_400)),
    function("DateTime.withinHours", 2, 2, |call| within(call, 3_600)),
    function("DateTime.withinMinutes", 2, 2, |call| within(call, 60)),
    function("DateTime.withinSeconds", 2, 2, |call| within(call, 1)),
];

/// The function behind a method of an instant.
pub(super) fn method(name: &str) -> Option<&'static str> {
    TABLE.iter().map(|function| function.name).find(|full| {
        full.strip_prefix("DateTime.").is_some_and(|short| short == name && !matches!(short, "now" | "parseString"))
    })
}

/// The instant of the first argument; of nothing, nothing with a warning.
fn instant(call: &mut Call<'_>, read: fn(&str) -> Option<i64>) -> Result<Option<i64>, Error> {
    let Some(text) = call.text(0)?.filter(|text| !text.trim().is_empty()) else {
        call.warn("there is no time to convert");
        return Ok(None);
    };
    read(text.trim()).map(Some).ok_or_else(|| call.error("this text is no such time"))
}

/// `""` of nothing, as the functions of Okta answer with texts.
fn convert(call: &mut Call<'_>, read: fn(&str) -> Option<i64>, write: fn(i64) -> String) -> Result<Value, Error> {
    Ok(instant(call, read)?.map_or_else(String::new, write).into())
}

fn zone(call: &Call<'_>, index: usize) -> Result<jiff::tz::TimeZone, Error> {
    let name = call.text(index)?.unwrap_or_else(|| "UTC".to_owned());
    time::zone(&name).ok_or_else(|| call.error("there is no such time zone"))
}

fn now(call: &mut Call<'_>) -> Result<Value, Error> {
    let zone = zone(call, 0)?;
    let text = match call.text(1)? {
        None => time::iso_in(call.now, &zone),
        Some(pattern) => time::format(call.now, &zone, &pattern, Flavour::Joda).map_err(|why| call.error(&why))?,
    };
    Ok(text.into())
}

fn parse(call: &mut Call<'_>) -> Result<Value, Error> {
    let pattern = call.text(1)?;
    let Some(pattern) = pattern else { return convert(call, time::from_iso, time::iso) };
    let Some(text) = call.text(0)?.filter(|text| !text.trim().is_empty()) else {
        call.warn("there is no time to convert");
        return Ok("".into());
    };
    let at = time::parse(text.trim(), &pattern, Flavour::Joda).map_err(|why| call.error(&why))?;
    Ok(time::iso(at).into())
}

fn to_string(call: &mut Call<'_>) -> Result<Value, Error> {
    let Some(at) = instant(call, time::from_iso)? else { return Ok("".into()) };
    let zone = time::zone_of(&call.text_or_empty(0)?);
    let text = match call.text(1)? {
        None => time::iso_in(at, &zone),
        Some(pattern) => time::format(at, &zone, &pattern, Flavour::Joda).map_err(|why| call.error(&why))?,
    };
    Ok(text.into())
}

fn to_zone(call: &mut Call<'_>) -> Result<Value, Error> {
    let zone = zone(call, 1)?;
    Ok(instant(call, time::from_iso)?.map_or(Value::Null, |at| time::iso_in(at, &zone).into()))
}

fn shift(call: &mut Call<'_>, unit: &str, sign: i64) -> Result<Value, Error> {
    let zone = time::zone_of(&call.text_or_empty(0)?);
    let Some(at) = instant(call, time::from_iso)? else { return Ok(Value::Null) };
    let amount = call.whole(1)?.checked_mul(sign);
    let moved = amount.and_then(|amount| time::shift(at, &zone, unit, amount));
    moved.map(|at| time::iso_in(at, &zone).into()).ok_or_else(|| call.error("this is out of range"))
}

/// Whether the instant is no further from now than that, before or behind.
fn within(call: &mut Call<'_>, seconds: i64) -> Result<Value, Error> {
    let Some(at) = instant(call, time::from_iso)? else { return Ok(false.into()) };
    let span = call.whole(1)?.saturating_mul(seconds).saturating_mul(1_000_000);
    Ok((call.now.saturating_sub(at).saturating_abs() <= span).into())
}
