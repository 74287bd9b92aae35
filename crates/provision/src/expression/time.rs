//! Instants: ISO 8601, Windows ticks (100 ns since 1601), Unix seconds, and patterns, in the time
//! zones of a database that is compiled in.

use super::pattern::{self, Flavour};
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp, ZonedDateTime, civil};
use std::sync::LazyLock;

/// From 1601 to 1970.
const WINDOWS_EPOCH_SECONDS: i64 = 11_644_473_600;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A zone by its name, an offset (`+02:00`), or one of the short American names. Those observe
/// daylight saving, as Okta's documentation shows for `EST`.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    let name = match name {
        "EST" | "EDT" => "America/New_York",
        "CST" | "CDT" => "America/Chicago",
        "MST" | "MDT" => "America/Denver",
        "PST" | "PDT" => "America/Los_Angeles",
        "" | "Z" | "GMT" => "UTC",
        other => other,
    };
    offset(name).map(TimeZone::fixed).or_else(|| ZONES.get(name).ok())
}

/// `+02:00`, `+0200`, `+02`.
pub(super) fn offset(text: &str) -> Option<Offset> {
    let (sign, digits) = match text.strip_prefix('+') {
        Some(digits) => (1, digits),
        None => (-1, text.strip_prefix('-')?),
    };
    let digits: String = digits.chars().filter(|c| *c != ':').collect();
    let minutes = match digits.len() {
        2 => digits.parse::<i32>().ok()? * 60,
        4 => digits.get(..2)?.parse::<i32>().ok()? * 60 + digits.get(2..)?.parse::<i32>().ok()?,
        _ => return None,
    };
    Offset::from_seconds(sign * minutes * 60).ok()
}

/// The zone that an ISO text is written in.
pub(super) fn zone_of(iso: &str) -> TimeZone {
    let written = iso.get(10..).unwrap_or_default();
    let found = written.rfind(['+', '-']).and_then(|at| written.get(at..)).and_then(offset);
    found.map_or(TimeZone::UTC, TimeZone::fixed)
}

fn zoned(at: i64, zone: &TimeZone) -> Option<ZonedDateTime> {
    Timestamp::from_microsecond(at).ok().map(|at| at.to_zoned_datetime(zone.clone()))
}

/// `2015-07-31T17:18:37.979Z`.
pub(super) fn iso(at: i64) -> String {
    iso_in(at, &TimeZone::UTC)
}

/// `2015-07-31T13:18:37.979-04:00`.
pub(super) fn iso_in(at: i64, zone: &TimeZone) -> String {
    let Some(zoned) = zoned(at, zone) else { return String::new() };
    pattern::format(&zoned, "yyyy-MM-dd'T'HH:mm:ss.SSSZZ", Flavour::Joda).unwrap_or_default()
}

/// An ISO 8601 text; a date alone is its midnight, without an offset it is UTC.
pub(super) fn from_iso(text: &str) -> Option<i64> {
    if let Some(at) = scim::schema::instant(text) {
        return Some(at);
    }
    if let Ok(date) = text.parse::<civil::Date>() {
        return at_utc(date.to_datetime(civil::Time::midnight()));
    }
    // `+0200` without a colon is ISO 8601 too.
    let at = text.rfind(['+', '-']).filter(|at| *at > 10)?;
    let civil: civil::DateTime = text.get(..at)?.parse().ok()?;
    Some(offset(text.get(at..)?)?.to_timestamp(civil).ok()?.as_microsecond())
}

pub(super) fn at_utc(civil: civil::DateTime) -> Option<i64> {
    Offset::UTC.to_timestamp(civil).ok().map(Timestamp::as_microsecond)
}

/// Ticks since 1601.
pub(super) fn from_windows(text: &str) -> Option<i64> {
    let ticks: i64 = text.parse().ok()?;
    valid(ticks.checked_div(10)?.checked_sub(WINDOWS_EPOCH_SECONDS * 1_000_000)?)
}

/// Seconds since 1970; thirteen digits are milliseconds.
pub(super) fn from_unix(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    let factor = if text.trim_start_matches('-').len() >= 13 { 1_000 } else { 1_000_000 };
    valid(number.checked_mul(factor)?)
}

fn valid(at: i64) -> Option<i64> {
    Timestamp::from_microsecond(at).ok().map(Timestamp::as_microsecond)
}

/// Ticks since 1601.
pub(super) fn to_windows(at: i64) -> String {
    (i128::from(at) * 10 + i128::from(WINDOWS_EPOCH_SECONDS) * 10_000_000).to_string()
}

/// Seconds since 1970.
pub(super) fn to_unix(at: i64) -> String {
    at.div_euclid(1_000_000).to_string()
}

/// An instant as a pattern shows it.
pub(super) fn format(at: i64, zone: &TimeZone, pattern: &str, flavour: Flavour) -> Result<String, String> {
    let zoned = zoned(at, zone).ok_or("the time is out of range")?;
    pattern::format(&zoned, pattern, flavour)
}

/// An instant read by a pattern; UTC if the pattern has no zone.
pub(super) fn parse(text: &str, pattern: &str, flavour: Flavour) -> Result<i64, String> {
    pattern::parse(text, pattern, flavour)
}

/// An instant moved by so many units on the calendar of a zone.
pub(super) fn shift(at: i64, zone: &TimeZone, unit: &str, amount: i64) -> Option<i64> {
    let span = Span::new();
    let span = match unit {
        "Years" => span.try_years(amount),
        "Months" => span.try_months(amount),
        "Weeks" => span.try_weeks(amount),
        "Days" => span.try_days(amount),
        "Hours" => span.try_hours(amount),
        "Minutes" => span.try_minutes(amount),
        _ => span.try_seconds(amount),
    };
    let moved = zoned(at, zone)?.checked_add(span.ok()?).ok()?;
    Some(moved.timestamp().as_microsecond())
}
