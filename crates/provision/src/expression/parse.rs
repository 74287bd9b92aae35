//! Recursive descent over Okta's grammar (a subset of Spring's): `?:` and `? :` bind least, then OR,
//! AND, one comparison, sums, products, signs, and what follows a value.

use super::lex::{Word, words};
use super::tree::{At, Kind, Node, Op};
use super::{DEPTH_MAX, Error};
use serde_json::Value;

/// Names that group functions rather than being objects.
pub(super) const NAMESPACES: [&str; 8] =
    ["String", "Arrays", "Convert", "Iso3166Convert", "Time", "Groups", "DateTime", "Utilities"];

/// Reads a whole expression.
pub(super) fn parse(source: &str) -> Result<Node, Error> {
    let mut parser = Parser { words: words(source)?, next: 0, depth: 0 };
    let node = parser.expression()?;
    match parser.peek() {
        (_, Word::End) => Ok(node),
        (at, Word::Sign("=")) => Err(Error::new(*at, "`=` compares nothing here; use `==`")),
        (at, _) => Err(Error::new(*at, "an operator is missing before this")),
    }
}

struct Parser {
    words: Vec<(At, Word)>,
    next: usize,
    depth: usize,
}

const END: (At, Word) = (1, Word::End);

impl Parser {
    fn peek(&self) -> &(At, Word) {
        self.words.get(self.next).or(self.words.last()).unwrap_or(&END)
    }

    fn at(&self) -> At {
        self.peek().0
    }

    fn take(&mut self) -> (At, Word) {
        let word = self.peek().clone();
        self.next += 1;
        word
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), (_, Word::Sign(found)) if *found == sign);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), Error> {
        if self.sign(sign) { Ok(()) } else { Err(Error::new(self.at(), format!("`{sign}` is missing here"))) }
    }

    /// The operator here, by its sign or its word, if it is one of those.
    fn operator(&mut self, table: &[(&str, Op)]) -> Option<Op> {
        let op = match &self.peek().1 {
            Word::Sign(sign) => table.iter().find(|(text, _)| text == sign),
            Word::Name(name) => table.iter().find(|(text, _)| text.eq_ignore_ascii_case(name)),
            _ => None,
        };
        let op = op.map(|(_, op)| *op);
        self.next += usize::from(op.is_some());
        op
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Error::new(self.at(), format!("brackets are nested deeper than {DEPTH_MAX}")));
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn expression(&mut self) -> Result<Node, Error> {
        self.deeper(|parser| {
            let at = parser.at();
            let head = parser.or()?;
            if parser.sign("?:") {
                let default = parser.expression()?;
                return Ok(Node::new(at, Kind::Elvis(Box::new(head), Box::new(default))));
            }
            if !parser.sign("?") {
                return Ok(head);
            }
            let yes = parser.expression()?;
            parser.expect(":")?;
            let no = parser.expression()?;
            Ok(Node::new(at, Kind::Choice(Box::new(head), Box::new(yes), Box::new(no))))
        })
    }

    /// Operands with operators of one rank between them; they lean to the left.
    fn chain(&mut self, table: &[(&str, Op)], operand: fn(&mut Self) -> Result<Node, Error>) -> Result<Node, Error> {
        let at = self.at();
        let mut node = operand(self)?;
        let mut length = 0;
        while let Some(op) = self.operator(table) {
            length += 1;
            if length > super::CHAIN_MAX {
                return Err(Error::new(self.at(), "too many operators in one row; use brackets or a function"));
            }
            node = Node::new(at, Kind::Binary(op, Box::new(node), Box::new(operand(self)?)));
        }
        Ok(node)
    }

    fn or(&mut self) -> Result<Node, Error> {
        self.chain(&[("||", Op::Or), ("or", Op::Or)], Self::and)
    }

    fn and(&mut self) -> Result<Node, Error> {
        self.chain(&[("&&", Op::And), ("and", Op::And)], Self::comparison)
    }

    fn comparison(&mut self) -> Result<Node, Error> {
        const TABLE: [(&str, Op); 13] = [
            ("==", Op::Eq),
            ("!=", Op::Ne),
            ("<=", Op::Le),
            (">=", Op::Ge),
            ("<", Op::Lt),
            (">", Op::Gt),
            ("eq", Op::Eq),
            ("ne", Op::Ne),
            ("le", Op::Le),
            ("ge", Op::Ge),
            ("lt", Op::Lt),
            ("gt", Op::Gt),
            ("matches", Op::Matches),
        ];
        let at = self.at();
        let left = self.sum()?;
        let Some(op) = self.operator(&TABLE) else { return Ok(left) };
        let right = self.sum()?;
        let place = self.at();
        if self.operator(&TABLE).is_some() {
            return Err(Error::new(place, "two comparisons in a row; join them with AND"));
        }
        Ok(Node::new(at, Kind::Binary(op, Box::new(left), Box::new(right))))
    }

    fn sum(&mut self) -> Result<Node, Error> {
        self.chain(&[("+", Op::Add), ("-", Op::Sub)], Self::product)
    }

    fn product(&mut self) -> Result<Node, Error> {
        self.chain(&[("*", Op::Mul), ("/", Op::Div), ("%", Op::Rem)], Self::unary)
    }

    fn unary(&mut self) -> Result<Node, Error> {
        let at = self.at();
        let word_not = matches!(self.peek(), (_, Word::Name(name)) if name.eq_ignore_ascii_case("not"));
        if word_not {
            self.next += 1;
        }
        if word_not || self.sign("!") {
            let operand = self.deeper(Self::unary)?;
            return Ok(Node::new(at, Kind::Not(Box::new(operand))));
        }
        if self.sign("-") {
            let operand = self.deeper(Self::unary)?;
            return Ok(Node::new(at, Kind::Minus(Box::new(operand))));
        }
        self.postfix()
    }

    fn postfix(&mut self) -> Result<Node, Error> {
        let at = self.at();
        let mut node = self.primary()?;
        let mut length = 0;
        loop {
            length += 1;
            if length > super::CHAIN_MAX {
                return Err(Error::new(self.at(), "too many members in one row"));
            }
            if self.sign(".![") {
                let body = self.expression()?;
                self.expect("]")?;
                node = Node::new(at, Kind::Project(Box::new(node), Box::new(body)));
            } else if self.sign("[") {
                let index = self.expression()?;
                self.expect("]")?;
                node = Node::new(at, Kind::Index(Box::new(node), Box::new(index)));
            } else if self.sign(".") || self.sign("?.") {
                let name = self.name()?;
                node = if self.sign("(") {
                    let arguments = self.until(")")?;
                    Node::new(at, Kind::Method(Box::new(node), name, arguments))
                } else {
                    Node::new(at, Kind::Member(Box::new(node), name))
                };
            } else {
                return Ok(node);
            }
        }
    }

    fn name(&mut self) -> Result<String, Error> {
        match self.take() {
            (_, Word::Name(name)) => Ok(name),
            (at, _) => Err(Error::new(at, "a name is missing here")),
        }
    }

    fn primary(&mut self) -> Result<Node, Error> {
        let (at, word) = self.take();
        let kind = match word {
            Word::Literal(value) => Kind::Literal(value),
            Word::Name(name) => return self.named(at, name),
            Word::Sign("(") => {
                let node = self.expression()?;
                self.expect(")")?;
                return Ok(node);
            }
            Word::Sign("{") => return self.braces(at),
            Word::Sign("=") => return Err(Error::new(at, "`=` compares nothing here; use `==`")),
            Word::Sign(sign) => return Err(Error::new(at, format!("a value is missing before `{sign}`"))),
            Word::End => return Err(Error::new(at, "the expression ends where a value is due")),
        };
        Ok(Node::new(at, kind))
    }

    fn named(&mut self, at: At, name: String) -> Result<Node, Error> {
        let kind = match name.to_ascii_lowercase().as_str() {
            "true" => Kind::Literal(Value::Bool(true)),
            "false" => Kind::Literal(Value::Bool(false)),
            "null" => Kind::Literal(Value::Null),
            "new" => return Err(Error::new(at, "objects cannot be made here")),
            _ if self.sign("(") => Kind::Call(name, self.until(")")?),
            _ if NAMESPACES.contains(&name.as_str()) && matches!(self.peek(), (_, Word::Sign("."))) => {
                self.next += 1;
                let function = self.name()?;
                self.expect("(")?;
                Kind::Call(format!("{name}.{function}"), self.until(")")?)
            }
            _ => Kind::Name(name),
        };
        Ok(Node::new(at, kind))
    }

    /// Expressions with commas between them, up to a closing bracket.
    fn until(&mut self, close: &str) -> Result<Vec<Node>, Error> {
        let mut list = Vec::new();
        if self.sign(close) {
            return Ok(list);
        }
        loop {
            list.push(self.expression()?);
            if self.sign(close) {
                return Ok(list);
            }
            self.expect(",")?;
        }
    }

    fn braces(&mut self, at: At) -> Result<Node, Error> {
        if self.sign(":") {
            self.expect("}")?;
            return Ok(Node::new(at, Kind::Map(Vec::new())));
        }
        if self.sign("}") {
            return Ok(Node::new(at, Kind::List(Vec::new())));
        }
        let first = self.expression()?;
        if !self.sign(":") {
            let mut list = vec![first];
            while !self.sign("}") {
                self.expect(",")?;
                list.push(self.expression()?);
            }
            return Ok(Node::new(at, Kind::List(list)));
        }
        let mut pairs = vec![(key(first)?, self.expression()?)];
        while !self.sign("}") {
            self.expect(",")?;
            let next = self.expression()?;
            self.expect(":")?;
            pairs.push((key(next)?, self.expression()?));
        }
        Ok(Node::new(at, Kind::Map(pairs)))
    }
}

fn key(node: Node) -> Result<String, Error> {
    match node.kind {
        Kind::Literal(Value::String(text)) | Kind::Name(text) => Ok(text),
        _ => Err(Error::new(node.at, "a key is a name or a string")),
    }
}
