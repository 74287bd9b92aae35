//! The words of Okta's expression language. Strings have no escapes: a backslash is a backslash, and
//! a quote inside a string is doubled.

use super::{Error, tree::At};
use serde_json::{Number, Value};

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    /// A number or a string.
    Literal(Value),
    /// A name; operators in letters too.
    Name(String),
    /// An operator or bracket.
    Sign(&'static str),
    /// The end.
    End,
}

/// Longest first, so that `==` is not `=` twice.
const SIGNS: [&str; 28] = [
    ".![", "?:", "?.", "==", "!=", "<=", ">=", "&&", "||", "(", ")", "[", "]", "{", "}", ",", ":", "?", ".", "+", "-",
    "*", "/", "%", "<", ">", "!", "=",
];

/// All words with their places.
pub(super) fn words(source: &str) -> Result<Vec<(At, Word)>, Error> {
    let mut words = Vec::new();
    let mut rest = source;
    let mut at = 1;
    loop {
        let trimmed = rest.trim_start();
        at += rest.chars().count() - trimmed.chars().count();
        rest = trimmed;
        let Some(first) = rest.chars().next() else { break };
        let (word, length) = match first {
            '\'' | '"' => string(rest, first, at)?,
            '0'..='9' => number(rest, at)?,
            c if c.is_alphabetic() || c == '_' || c == '$' || c == '#' => name(rest),
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => (Word::Sign(sign), sign.len()),
                None => return Err(Error::new(at, "this character has no meaning here")),
            },
        };
        words.push((at, word));
        let (taken, left) = rest.split_at_checked(length).unwrap_or((rest, ""));
        at += taken.chars().count();
        rest = left;
    }
    words.push((at, Word::End));
    Ok(words)
}

fn string(rest: &str, quote: char, at: At) -> Result<(Word, usize), Error> {
    let mut text = String::new();
    let mut inside = rest.char_indices().skip(1).peekable();
    while let Some((place, c)) = inside.next() {
        if c != quote {
            text.push(c);
        } else if inside.next_if(|(_, next)| *next == quote).is_some() {
            text.push(quote);
        } else {
            return Ok((Word::Literal(Value::String(text)), place + c.len_utf8()));
        }
    }
    Err(Error::new(at, "the string that starts here has no closing quote"))
}

fn number(rest: &str, at: At) -> Result<(Word, usize), Error> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(rest);
    let fraction = match rest.get(whole..).and_then(|rest| rest.strip_prefix('.')).map(digits) {
        Some(length) if length > 0 => 1 + length,
        _ => 0,
    };
    let length = whole + fraction;
    let text = rest.get(..length).unwrap_or_default();
    let number = if fraction == 0 {
        text.parse::<i64>().ok().map(Number::from)
    } else {
        text.parse::<f64>().ok().and_then(Number::from_f64)
    };
    // `10L` and `1.5d` are how Java writes them.
    let suffix = usize::from(rest.get(length..).is_some_and(|rest| rest.starts_with(['L', 'l', 'd', 'D', 'f', 'F'])));
    let number = number.ok_or_else(|| Error::new(at, "this number is too large"))?;
    Ok((Word::Literal(Value::Number(number)), length + suffix))
}

fn name(rest: &str) -> (Word, usize) {
    let fits = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '$' | '#');
    let text: String = rest.chars().take_while(fits).collect();
    let length = text.len();
    (Word::Name(text), length)
}
