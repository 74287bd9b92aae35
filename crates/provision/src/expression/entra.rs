//! Entra's mapping expressions: nothing but function calls, `[attribute]`, texts and numbers.
//!
//! The tree is the same as for Okta's language; functions live in the namespace `Entra.`.

use super::tree::{At, Kind, Node, Op};
use super::{DEPTH_MAX, Error};
use serde_json::{Number, Value};

/// Reads a whole expression.
pub(super) fn parse(source: &str) -> Result<Node, Error> {
    let mut reader = Reader { text: source.chars().collect(), next: 0, depth: 0 };
    let node = reader.comparison()?;
    reader.space();
    if reader.next < reader.text.len() {
        return Err(Error::new(reader.at(), "the expression has ended before this"));
    }
    Ok(node)
}

struct Reader {
    text: Vec<char>,
    next: usize,
    depth: usize,
}

impl Reader {
    fn at(&self) -> At {
        self.next + 1
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.next).copied()
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.next += usize::from(found);
        found
    }

    fn space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next += 1;
        }
    }

    fn word(&mut self, fits: impl Fn(char) -> bool) -> String {
        let mut word = String::new();
        while let Some(c) = self.peek().filter(|c| fits(*c)) {
            word.push(c);
            self.next += 1;
        }
        word
    }

    /// A value, maybe compared with another: conditions of IIF.
    fn comparison(&mut self) -> Result<Node, Error> {
        self.space();
        let at = self.at();
        let left = self.value()?;
        self.space();
        let op = match (self.peek(), self.text.get(self.next + 1)) {
            (Some('='), _) => Some((Op::Eq, 1)),
            (Some('<'), Some('>')) => Some((Op::Ne, 2)),
            (Some('<'), Some('=')) => Some((Op::Le, 2)),
            (Some('>'), Some('=')) => Some((Op::Ge, 2)),
            (Some('<'), _) => Some((Op::Lt, 1)),
            (Some('>'), _) => Some((Op::Gt, 1)),
            _ => None,
        };
        let Some((op, length)) = op else { return Ok(left) };
        self.next += length;
        self.space();
        let right = self.value()?;
        Ok(Node::new(at, Kind::Binary(op, Box::new(left), Box::new(right))))
    }

    fn value(&mut self) -> Result<Node, Error> {
        let at = self.at();
        let kind = match self.peek() {
            Some('[') => {
                self.next += 1;
                let name = self.word(|c| c != ']');
                if !self.take(']') {
                    return Err(Error::new(at, "this reference has no closing bracket"));
                }
                Kind::Member(Box::new(Node::new(at, Kind::Name("source".into()))), name.trim().to_owned())
            }
            Some('"') => Kind::Literal(Value::String(self.string(at)?)),
            Some('&') => {
                self.next += 1;
                if !self.take('H') && !self.take('h') {
                    return Err(Error::new(at, "a hexadecimal number starts with &H"));
                }
                let digits = self.word(|c| c.is_ascii_hexdigit());
                let number = i64::from_str_radix(&digits, 16);
                Kind::Literal(number.map_err(|_| Error::new(at, "this is no hexadecimal number"))?.into())
            }
            Some(c) if c.is_ascii_digit() || c == '-' => {
                let digits = self.word(|c| c.is_ascii_digit() || matches!(c, '.' | '-'));
                let whole = digits.parse::<i64>().ok().map(Number::from);
                let number = whole.or_else(|| digits.parse().ok().and_then(Number::from_f64));
                Kind::Literal(Value::Number(number.ok_or_else(|| Error::new(at, "this is no number"))?))
            }
            Some(c) if c.is_alphabetic() => return self.call(at),
            _ => return Err(Error::new(at, "a function, a [reference], a \"text\" or a number is due here")),
        };
        Ok(Node::new(at, kind))
    }

    fn string(&mut self, at: At) -> Result<String, Error> {
        self.next += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.next += 1;
            match c {
                '"' => return Ok(text),
                '\\' => match self.peek() {
                    Some(escaped @ ('\\' | '"')) => {
                        self.next += 1;
                        text.push(escaped);
                    }
                    // Regular expressions are full of other backslashes; they stay.
                    _ => text.push('\\'),
                },
                other => text.push(other),
            }
        }
        Err(Error::new(at, "the text that starts here has no closing quote"))
    }

    fn call(&mut self, at: At) -> Result<Node, Error> {
        let name = self.word(|c| c.is_alphanumeric() || c == '_');
        self.space();
        if !self.take('(') {
            let constant = match name.to_ascii_lowercase().as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                _ => {
                    return Err(Error::new(
                        self.at(),
                        "the arguments of the function are missing; attributes are written [name]",
                    ));
                }
            };
            return Ok(Node::new(at, Kind::Literal(constant)));
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Error::new(at, format!("functions are nested deeper than {DEPTH_MAX}")));
        }
        let arguments = self.arguments()?;
        self.depth -= 1;
        Ok(Node::new(at, Kind::Call(format!("Entra.{name}"), arguments)))
    }

    fn arguments(&mut self) -> Result<Vec<Node>, Error> {
        let mut list = Vec::new();
        self.space();
        if self.take(')') {
            return Ok(list);
        }
        loop {
            self.space();
            let blank = matches!(self.peek(), Some(',' | ')'));
            list.push(if blank { Node::new(self.at(), Kind::Blank) } else { self.comparison()? });
            self.space();
            if self.take(')') {
                return Ok(list);
            }
            if !self.take(',') {
                return Err(Error::new(self.at(), "`,` or `)` is missing here"));
            }
        }
    }
}
