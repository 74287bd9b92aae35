//! Reads filters and PATCH paths; the two share their grammar (RFC 7644 figures 1 and 7).
//!
//! Invariant: the recursion is bounded by `FILTER_DEPTH_MAX`, and no message repeats the input.

use super::{CompareOp, FILTER_BYTES_MAX, FILTER_DEPTH_MAX, FILTER_TERMS_MAX, Filter};
use crate::attr_path::is_path_char;
use crate::{AttrPath, Error, Result};
use serde_json::Value;

/// Reads a whole filter.
pub(super) fn filter(text: &str) -> Result<Filter> {
    let mut parser = Parser::new(text, Error::invalid_filter)?;
    parser.skip_space();
    if parser.rest().is_empty() {
        return Err(Error::invalid_filter("the filter is empty"));
    }
    let filter = parser.or(false)?;
    parser.skip_space();
    match parser.rest().is_empty() {
        true => Ok(filter),
        false => Err(parser.expected("and, or, or the end of the filter")),
    }
}

/// Reads a PATCH path: an attribute, maybe with a filter of its elements, maybe with a part. The part
/// behind a filter stands in the path as if there were no filter.
pub(crate) fn path(text: &str) -> Result<(AttrPath, Option<Filter>)> {
    let mut parser = Parser::new(text, Error::invalid_path)?;
    let (mut path, inner) = parser.value_path()?;
    if inner.is_some() {
        path.sub = parser.sub_attribute()?;
    }
    match parser.rest().is_empty() {
        true => Ok((path, inner)),
        false => Err(parser.expected("the end of the path")),
    }
}

struct Parser<'t> {
    text: &'t str,
    /// In bytes; always at the start of a character.
    at: usize,
    depth: usize,
    terms: usize,
    refuse: fn(String) -> Error,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, refuse: fn(String) -> Error) -> Result<Self> {
        if text.len() > FILTER_BYTES_MAX {
            return Err(refuse(format!("longer than {FILTER_BYTES_MAX} bytes")));
        }
        Ok(Self { text, at: 0, depth: 0, terms: 0, refuse })
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn error_at(&self, at: usize, what: &str) -> Error {
        let position = self.text.get(..at).map_or(0, |before| before.chars().count()) + 1;
        (self.refuse)(format!("{what} at character {position}"))
    }

    fn expected(&self, what: &str) -> Error {
        self.error_at(self.at, &format!("expected {what}"))
    }

    fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let length = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn skip_space(&mut self) -> bool {
        !self.take_while(|c| c.is_ascii_whitespace()).is_empty()
    }

    /// A word between two conditions, with room or brackets on both sides.
    fn keyword(&mut self, word: &str) -> bool {
        let start = self.at;
        let apart = self.skip_space() || self.text.get(..start).is_some_and(|before| before.ends_with([')', ']']));
        let found = self.rest().get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
        let next = self.rest().get(word.len()..).and_then(|rest| rest.chars().next());
        if apart && found && next.is_some_and(|c| c.is_ascii_whitespace() || c == '(') {
            self.at += word.len();
            return true;
        }
        self.at = start;
        false
    }

    fn nest<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == FILTER_DEPTH_MAX {
            return Err(self.error_at(self.at, &format!("more than {FILTER_DEPTH_MAX} brackets within each other")));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn or(&mut self, in_element: bool) -> Result<Filter> {
        let mut left = self.and(in_element)?;
        while self.keyword("or") {
            left = Filter::Or(Box::new(left), Box::new(self.and(in_element)?));
        }
        Ok(left)
    }

    fn and(&mut self, in_element: bool) -> Result<Filter> {
        let mut left = self.unary(in_element)?;
        while self.keyword("and") {
            left = Filter::And(Box::new(left), Box::new(self.unary(in_element)?));
        }
        Ok(left)
    }

    fn unary(&mut self, in_element: bool) -> Result<Filter> {
        self.skip_space();
        if self.take_not() {
            return Ok(Filter::Not(Box::new(self.group(in_element)?)));
        }
        match self.peek() {
            Some('(') => self.group(in_element),
            _ => self.term(in_element),
        }
    }

    /// `not` in front of a bracket; anywhere else it would be the name of an attribute.
    fn take_not(&mut self) -> bool {
        let start = self.at;
        if self.take_while(|c| c.is_ascii_alphabetic()).eq_ignore_ascii_case("not") {
            self.skip_space();
            if self.peek() == Some('(') {
                return true;
            }
        }
        self.at = start;
        false
    }

    fn group(&mut self, in_element: bool) -> Result<Filter> {
        if !self.take('(') {
            return Err(self.expected("("));
        }
        self.nest(|parser| {
            let inner = parser.or(in_element)?;
            parser.skip_space();
            if parser.take(')') { Ok(inner) } else { Err(parser.expected("and, or, or )")) }
        })
    }

    fn term(&mut self, in_element: bool) -> Result<Filter> {
        let start = self.at;
        if in_element {
            let path = self.attr_path()?;
            if path.urn.is_some() || path.sub.is_some() {
                return Err(self.error_at(start, "expected the bare name of a sub-attribute"));
            }
            if self.peek() == Some('[') {
                return Err(self.error_at(self.at, "[ ] cannot stand inside [ ]; found one"));
            }
            return self.condition(path);
        }
        let (path, inner) = self.value_path()?;
        let Some(inner) = inner else { return self.condition(path) };
        match self.sub_attribute()? {
            None => Ok(Filter::Element(path, Box::new(inner))),
            Some(sub) => {
                let condition = self.condition(AttrPath { urn: None, name: sub, sub: None })?;
                Ok(Filter::Element(path, Box::new(Filter::And(Box::new(inner), Box::new(condition)))))
            }
        }
    }

    fn attr_path(&mut self) -> Result<AttrPath> {
        let start = self.at;
        let text = self.take_while(is_path_char);
        if text.is_empty() {
            return Err(self.expected("an attribute name"));
        }
        let expected = "expected the name of an attribute, maybe with one sub-attribute behind a dot,";
        AttrPath::parse(text).ok_or_else(|| self.error_at(start, expected))
    }

    /// An attribute, and the filter in brackets behind it.
    fn value_path(&mut self) -> Result<(AttrPath, Option<Filter>)> {
        let start = self.at;
        let path = self.attr_path()?;
        if !self.take('[') {
            return Ok((path, None));
        }
        if path.sub.is_some() {
            return Err(self.error_at(start, "expected an attribute without sub-attribute in front of ["));
        }
        let inner = self.nest(|parser| {
            let inner = parser.or(true)?;
            parser.skip_space();
            if parser.take(']') { Ok(inner) } else { Err(parser.expected("and, or, or ]")) }
        })?;
        Ok((path, Some(inner)))
    }

    /// `.value` behind a bracket.
    fn sub_attribute(&mut self) -> Result<Option<String>> {
        if !self.take('.') {
            return Ok(None);
        }
        let start = self.at;
        match AttrPath::parse(self.take_while(is_path_char)) {
            Some(AttrPath { urn: None, name, sub: None }) => Ok(Some(name)),
            _ => Err(self.error_at(start, "expected the name of a sub-attribute")),
        }
    }

    fn condition(&mut self, path: AttrPath) -> Result<Filter> {
        self.terms += 1;
        if self.terms > FILTER_TERMS_MAX {
            return Err(self.error_at(self.at, &format!("more than {FILTER_TERMS_MAX} conditions")));
        }
        if !self.skip_space() {
            return Err(self.expected("a space and an operator"));
        }
        let start = self.at;
        let word = self.take_while(|c| c.is_ascii_alphanumeric());
        if word.eq_ignore_ascii_case("pr") {
            self.end_of_condition()?;
            return Ok(Filter::Present(path));
        }
        let Some(op) = CompareOp::ALL.into_iter().find(|op| word.eq_ignore_ascii_case(op.as_str())) else {
            if path.urn.is_none() && path.name.eq_ignore_ascii_case("not") {
                return Err(self.error_at(start, "expected ( behind not: not (title pr)"));
            }
            return Err(self.error_at(start, "expected one of eq, ne, co, sw, ew, gt, ge, lt, le, pr"));
        };
        if !self.skip_space() {
            return Err(self.expected("a space and a value"));
        }
        let literal = self.literal()?;
        self.end_of_condition()?;
        Ok(Filter::Compare(path, op, literal))
    }

    fn end_of_condition(&self) -> Result<()> {
        match self.peek() {
            None | Some(')' | ']') => Ok(()),
            Some(c) if c.is_ascii_whitespace() => Ok(()),
            Some(_) => Err(self.expected("a space")),
        }
    }

    fn literal(&mut self) -> Result<Value> {
        let start = self.at;
        if self.peek() == Some('"') {
            return self.string();
        }
        let word = self.take_while(|c| !c.is_ascii_whitespace() && c != ')' && c != ']');
        for (name, value) in [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)] {
            if word.eq_ignore_ascii_case(name) {
                return Ok(value);
            }
        }
        let number: Option<serde_json::Number> = serde_json::from_str(word).ok();
        let number = number.filter(|_| word.starts_with(|c: char| c == '-' || c.is_ascii_digit()));
        number
            .map(Value::Number)
            .ok_or_else(|| self.error_at(start, "expected a string in double quotes, a number, true, false or null"))
    }

    fn string(&mut self) -> Result<Value> {
        let start = self.at;
        let mut escaped = false;
        let end = self.rest().char_indices().skip(1).find(|&(_, c)| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        });
        let Some((length, _)) = end else {
            return Err(self.error_at(start, "the string has no closing quote; it starts"));
        };
        self.at += length + 1;
        let text = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str(text).map(Value::String).map_err(|_| {
            self.error_at(start, "the string is not written as JSON asks (escapes, control characters); it starts")
        })
    }
}
