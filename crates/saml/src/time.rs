//! `xs:dateTime` as SAML uses it (Core §1.3.3): UTC, written with a `Z`.
//!
//! Instants are `i64` microseconds since 1970. A local time or an offset is refused: SAML asks for UTC, and two
//! readers that treat an offset differently would judge the same assertion differently.

use crate::{Refused, error::Result};
use jiff::{Timestamp, civil, tz::TimeZone};

/// How far the other side's clock may be off, in microseconds.
pub const SKEW_US: i64 = 60 * SECOND_US;

/// Microseconds in a second.
pub(crate) const SECOND_US: i64 = 1_000_000;

/// More fractional digits than .NET's seven or Go's nine are nobody's clock.
const FRACTION_DIGITS_MAX: usize = 12;

/// `2026-11-24T09:30:00Z`, with a fraction of any sensible length (cut to microseconds), as microseconds.
pub(crate) fn parse(text: &str) -> Result<i64> {
    let body = text.strip_suffix('Z').ok_or(Refused::MalformedTime)?;
    let (whole, fraction) = body.split_once('.').map_or((body, None), |(whole, fraction)| (whole, Some(fraction)));
    let micros = fraction.map_or(Ok(0), fraction_micros)?;
    seconds(whole).and_then(|s| s.checked_mul(SECOND_US)?.checked_add(micros)).ok_or(Refused::MalformedTime)
}

/// `YYYY-MM-DDThh:mm:ss`, every field at its full width: anything shorter is another format.
fn seconds(text: &str) -> Option<i64> {
    let shape = |(at, c): (usize, char)| match at {
        4 | 7 => c == '-',
        10 => c == 'T',
        13 | 16 => c == ':',
        _ => c.is_ascii_digit(),
    };
    if text.len() != 19 || !text.char_indices().all(shape) {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i16>().ok();
    let small = |from: usize, to: usize| text.get(from..to)?.parse::<i8>().ok();
    let day = civil::Date::new(number(0, 4)?, small(5, 7)?, small(8, 10)?).ok()?;
    let time = civil::Time::new(small(11, 13)?, small(14, 16)?, small(17, 19)?, 0).ok()?;
    Some(TimeZone::UTC.to_timestamp(day.to_datetime(time)).ok()?.as_second())
}

fn fraction_micros(digits: &str) -> Result<i64> {
    if digits.is_empty() || digits.len() > FRACTION_DIGITS_MAX || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Refused::MalformedTime);
    }
    let six: String = digits.chars().chain("000000".chars()).take(6).collect();
    six.parse().map_err(|_| Refused::MalformedTime)
}

/// An instant as SAML writes it, to the millisecond, which is what every reader takes.
pub(crate) fn write(at: i64) -> String {
    let stamp = Timestamp::from_microsecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
    stamp.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_identity_providers_write() {
        let at = 1_795_512_600 * SECOND_US;
        assert_eq!(parse("2026-11-24T09:30:00Z"), Ok(at));
        assert_eq!(parse("2026-11-24T09:30:00.5Z"), Ok(at + 500_000));
        assert_eq!(parse("2026-11-24T09:30:00.1234567Z"), Ok(at + 123_456));
        assert_eq!(parse("2026-11-24T09:30:00.123456789012Z"), Ok(at + 123_456));
        assert_eq!(write(at + 1_000), "2026-11-24T09:30:00.001Z");
        assert_eq!(parse(&write(at)), Ok(at));
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "Z",
            "2026-11-24",
            "2026-11-24T09:30Z",
            "2026-11-24T09:30:00",
            "2026-11-24T09:30:00+00:00",
            "2026-11-24 09:30:00Z",
            "2026-13-24T09:30:00Z",
            "2026-02-30T09:30:00Z",
            "2026-11-24T24:00:00Z",
            "2026-11-24T09:30:60Z",
            "2026-11-24T09:30:00.Z",
            "+026-11-24T09:30:00Z",
            " 2026-11-24T09:30:00Z",
            "12026-11-24T09:30:00Z",
            "2026-11-24T09:30:00.1234567890123Z",
            "２026-11-24T09:30:00Z",
        ] {
            assert_eq!(parse(text), Err(Refused::MalformedTime), "{text}");
        }
    }
}
