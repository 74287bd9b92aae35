//! Patterns of instants, in Joda's letters and in .NET's.

use super::time;
use jiff::civil;
use jiff::tz::Offset;
use jiff::{Timestamp, ZonedDateTime};

/// Whose letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    /// Joda: `S` fraction, `E` weekday, `a` half of the day, `Z` offset.
    Joda,
    /// .NET: `f` fraction, `ddd` weekday, `tt` half of the day, `z` offset.
    Net,
}

/// A part of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Text(char),
    Year(usize),
    Month(usize),
    Day(usize),
    Weekday(usize),
    Hour24(usize),
    Hour12(usize),
    Minute(usize),
    Second(usize),
    Fraction(usize),
    Half,
    /// `true` with a colon, and `Z` for UTC.
    Offset(bool),
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

fn parts(pattern: &str, flavour: Flavour) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = pattern.chars().peekable();
    while let Some(letter) = rest.next() {
        if letter == '\'' {
            if rest.next_if_eq(&'\'').is_some() {
                parts.push(Part::Text('\''));
                continue;
            }
            let mut closed = false;
            for c in rest.by_ref() {
                if c == '\'' {
                    closed = true;
                    break;
                }
                parts.push(Part::Text(c));
            }
            if !closed {
                return Err("the pattern has a quote without its partner".into());
            }
            continue;
        }
        if !letter.is_ascii_alphabetic() {
            parts.push(Part::Text(letter));
            continue;
        }
        let mut count = 1;
        while rest.next_if_eq(&letter).is_some() {
            count += 1;
        }
        parts.push(part(letter, count, flavour)?);
    }
    Ok(parts)
}

fn part(letter: char, count: usize, flavour: Flavour) -> Result<Part, String> {
    let net = flavour == Flavour::Net;
    Ok(match letter {
        'y' | 'Y' | 'u' => Part::Year(count),
        'M' | 'L' => Part::Month(count),
        'd' if net && count >= 3 => Part::Weekday(count),
        'd' => Part::Day(count),
        'E' => Part::Weekday(count),
        'H' | 'k' => Part::Hour24(count),
        'h' | 'K' if !(net && letter == 'K') => Part::Hour12(count),
        'm' => Part::Minute(count),
        's' => Part::Second(count),
        'S' => Part::Fraction(count),
        'f' | 'F' if net => Part::Fraction(count),
        'a' => Part::Half,
        't' if net => Part::Half,
        'T' if net => Part::Text('T'),
        'Z' if net => Part::Text('Z'),
        'Z' => Part::Offset(count > 1),
        'X' => Part::Offset(count != 2),
        'z' | 'K' => Part::Offset(true),
        other => return Err(format!("the letter {other} has no meaning in a pattern")),
    })
}

pub(super) fn format(zoned: &ZonedDateTime, pattern: &str, flavour: Flavour) -> Result<String, String> {
    let mut text = String::new();
    for part in parts(pattern, flavour)? {
        let hour12 = (zoned.hour() + 11) % 12 + 1;
        let piece = match part {
            Part::Text(c) => c.to_string(),
            Part::Year(2) => format!("{:02}", zoned.year().rem_euclid(100)),
            Part::Year(count) => format!("{:0count$}", zoned.year()),
            Part::Month(count @ 3..) => named(&MONTHS, zoned.month() - 1, count),
            Part::Month(count) => format!("{:0count$}", zoned.month()),
            Part::Day(count) => format!("{:0count$}", zoned.day()),
            Part::Weekday(count) => named(&DAYS, zoned.weekday().to_monday_zero_offset(), count),
            Part::Hour24(count) => format!("{:0count$}", zoned.hour()),
            Part::Hour12(count) => format!("{hour12:0count$}"),
            Part::Minute(count) => format!("{:0count$}", zoned.minute()),
            Part::Second(count) => format!("{:0count$}", zoned.second()),
            Part::Fraction(count) => {
                let digits = format!("{:09}", zoned.subsec_nanosecond());
                format!("{:0<count$}", digits.get(..count.min(9)).unwrap_or_default())
            }
            Part::Half => if zoned.hour() < 12 { "AM" } else { "PM" }.to_owned(),
            Part::Offset(colon) => shown(zoned.offset(), colon),
        };
        text.push_str(&piece);
        if text.len() > 1_000 {
            return Err("the pattern is too long".into());
        }
    }
    Ok(text)
}

fn named(names: &[&str], index: i8, count: usize) -> String {
    let name = usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or_default();
    name.get(..if count == 3 { 3 } else { name.len() }).unwrap_or(name).to_owned()
}

fn shown(offset: Offset, colon: bool) -> String {
    let seconds = offset.seconds();
    if seconds == 0 && colon {
        return "Z".into();
    }
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
    format!("{sign}{:02}{}{:02}", minutes / 60, if colon { ":" } else { "" }, minutes % 60)
}

/// What a text says by a pattern.
#[derive(Default)]
struct Read {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: i64,
    afternoon: Option<bool>,
    offset: Option<Offset>,
}

pub(super) fn parse(text: &str, pattern: &str, flavour: Flavour) -> Result<i64, String> {
    let mut read = Read::default();
    let mut rest = text;
    let parts = parts(pattern, flavour)?;
    for (index, part) in parts.iter().enumerate() {
        // Digits that run into each other are cut by the length in the pattern.
        let tight =
            parts.get(index + 1).is_some_and(|next| !matches!(next, Part::Text(_) | Part::Half | Part::Offset(_)));
        rest = read.take(*part, rest, tight).ok_or("the text does not fit the pattern")?;
    }
    if !rest.trim().is_empty() {
        return Err("the text is longer than the pattern".into());
    }
    read.instant().ok_or_else(|| "there is no such time".into())
}

impl Read {
    fn take<'t>(&mut self, part: Part, text: &'t str, tight: bool) -> Option<&'t str> {
        let digits = |count: usize, most: usize| digits(text, if tight { count } else { most.max(count) });
        match part {
            Part::Text(c) => return text.strip_prefix(c),
            Part::Month(3..) => return name(text, &MONTHS, &mut self.month),
            Part::Weekday(_) => return name(text, &DAYS, &mut None),
            Part::Half => {
                let word = text.get(..2)?;
                self.afternoon = Some(word.eq_ignore_ascii_case("pm"));
                return (self.afternoon == Some(true) || word.eq_ignore_ascii_case("am")).then(|| text.get(2..))?;
            }
            Part::Offset(_) => return self.zone(text),
            Part::Year(2) => {
                let (number, rest) = digits(2, 2)?;
                self.year = Some(number + if number < 70 { 2000 } else { 1900 });
                return Some(rest);
            }
            Part::Fraction(count) => {
                let (number, rest) = digits(count, 9)?;
                let taken = u32::try_from(text.len() - rest.len()).ok()?;
                self.nanos = number * 10_i64.checked_pow(9_u32.checked_sub(taken)?)?;
                return Some(rest);
            }
            _ => {}
        }
        let (count, most) = match part {
            Part::Year(count) => (count, 4),
            Part::Month(count)
            | Part::Day(count)
            | Part::Hour24(count)
            | Part::Hour12(count)
            | Part::Minute(count)
            | Part::Second(count) => (count, 2),
            _ => return None,
        };
        let (number, rest) = digits(count, most)?;
        match part {
            Part::Year(_) => self.year = Some(number),
            Part::Month(_) => self.month = Some(number),
            Part::Day(_) => self.day = Some(number),
            Part::Minute(_) => self.minute = number,
            Part::Second(_) => self.second = number,
            _ => self.hour = number,
        }
        Some(rest)
    }

    fn zone<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        if let Some(rest) = text.strip_prefix('Z') {
            self.offset = Some(Offset::UTC);
            return Some(rest);
        }
        let length = text.bytes().take_while(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b':')).count();
        self.offset = Some(time::offset(text.get(..length)?)?);
        text.get(length..)
    }

    fn instant(&self) -> Option<i64> {
        let hour = match self.afternoon {
            Some(true) => self.hour % 12 + 12,
            Some(false) => self.hour % 12,
            None => self.hour,
        };
        let small = |number: i64| i8::try_from(number).ok();
        let civil = civil::DateTime::new(
            i16::try_from(self.year.unwrap_or(1970)).ok()?,
            small(self.month.unwrap_or(1))?,
            small(self.day.unwrap_or(1))?,
            small(hour)?,
            small(self.minute)?,
            small(self.second)?,
            i32::try_from(self.nanos).ok()?,
        );
        let at = self.offset.unwrap_or(Offset::UTC).to_timestamp(civil.ok()?).ok();
        at.map(Timestamp::as_microsecond)
    }
}

fn digits(text: &str, most: usize) -> Option<(i64, &str)> {
    let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    Some((text.get(..length)?.parse().ok()?, text.get(length..)?))
}

/// A name in full or its first three letters.
fn name<'t>(text: &'t str, names: &[&str], into: &mut Option<i64>) -> Option<&'t str> {
    for (index, name) in names.iter().enumerate() {
        for form in [*name, name.get(..3)?] {
            if text.get(..form.len()).is_some_and(|start| start.eq_ignore_ascii_case(form)) {
                *into = i64::try_from(index + 1).ok();
                return text.get(form.len()..);
            }
        }
    }
    None
}
