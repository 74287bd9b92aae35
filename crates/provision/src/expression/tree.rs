//! An expression as a tree: what both readers (Okta's grammar and Entra's) produce.

use serde_json::Value;

/// Where something stands in the source: a count of characters that starts with 1.
pub(super) type At = usize;

/// A node with its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// Where it starts.
    pub at: At,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A literal.
    Literal(Value),
    /// An argument left blank (`Switch(x, , "a", "b")`).
    Blank,
    /// A name by itself: an object (`user`) or an attribute of the source.
    Name(String),
    /// `target.name`.
    Member(Box<Node>, String),
    /// `target[index]`.
    Index(Box<Node>, Box<Node>),
    /// `target.![body]`: the body for each element.
    Project(Box<Node>, Box<Node>),
    /// `name(arguments)`, with its namespace in front: `String.append`.
    Call(String, Vec<Node>),
    /// `target.name(arguments)`.
    Method(Box<Node>, String, Vec<Node>),
    /// `{a, b}`.
    List(Vec<Node>),
    /// `{key: value}`.
    Map(Vec<(String, Node)>),
    /// `!x`.
    Not(Box<Node>),
    /// `-x`.
    Minus(Box<Node>),
    /// Two operands.
    Binary(Op, Box<Node>, Box<Node>),
    /// `condition ? yes : no`.
    Choice(Box<Node>, Box<Node>, Box<Node>),
    /// `a ?: b`: `b` when `a` is null or empty.
    Elvis(Box<Node>, Box<Node>),
}

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// Either.
    Or,
    /// Both.
    And,
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// The whole text fits a regular expression.
    Matches,
    /// Sum, or one text behind the other.
    Add,
    /// Difference.
    Sub,
    /// Product.
    Mul,
    /// Quotient.
    Div,
    /// Remainder.
    Rem,
}

impl Node {
    /// A node at a place.
    pub(super) fn new(at: At, kind: Kind) -> Self {
        Self { at, kind }
    }

    /// The nodes directly below.
    pub(super) fn children(&self) -> Vec<&Self> {
        match &self.kind {
            Kind::Literal(_) | Kind::Blank | Kind::Name(_) => Vec::new(),
            Kind::Member(a, _) | Kind::Not(a) | Kind::Minus(a) => vec![a],
            Kind::Index(a, b) | Kind::Project(a, b) | Kind::Binary(_, a, b) | Kind::Elvis(a, b) => vec![a, b],
            Kind::Call(_, list) | Kind::List(list) => list.iter().collect(),
            Kind::Method(a, _, list) => std::iter::once(&**a).chain(list).collect(),
            Kind::Map(pairs) => pairs.iter().map(|(_, node)| node).collect(),
            Kind::Choice(a, b, c) => vec![a, b, c],
        }
    }

    /// Calls for this node and everything below.
    pub(super) fn walk<'a>(&'a self, each: &mut impl FnMut(&'a Self)) {
        each(self);
        for child in self.children() {
            child.walk(each);
        }
    }

    /// The text of a literal.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Literal(Value::String(text)) => Some(text),
            _ => None,
        }
    }
}
