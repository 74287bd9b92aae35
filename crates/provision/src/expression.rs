//! Expressions: how a value at one end is made from values at the other.
//!
//! Two readers (Okta's expression language and Entra's functions) make one tree, and one evaluator
//! runs it. It is bounded in every direction, asks no clock (`now` is an argument), and answers with
//! the value *and* where it came from. Where the original is undocumented, what happens here is in
//! `docs/decisions/0020-expressions-where-okta-is-silent.md`, and a lint says so.
//!
//! Invariant: the same facts and the same `now` give the same value.

mod depends;
mod entra;
mod evaluate;
mod facts;
mod function;
mod lex;
mod lint;
mod parse;
mod pattern;
mod time;
mod tree;

pub use depends::Dependency;
pub use evaluate::{Evaluated, Step, Warning};
pub use facts::{Facts, Membership, Person, Source, Status, lookup};
pub(crate) use function::bounded_regex;
pub use function::names as function_names;
pub use lint::Lint;

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use tree::{At, Node};

/// Longest source in bytes.
pub const SOURCE_BYTES_MAX: usize = 10_240;
/// Deepest nesting of brackets.
pub const DEPTH_MAX: usize = 48;
/// Deepest tree.
pub const TREE_DEPTH_MAX: usize = 200;
/// Most operators of one rank, or members, in one row.
pub const CHAIN_MAX: usize = 150;
/// Most steps of one evaluation; large values cost more than one.
pub const STEPS_MAX: usize = 20_000;
/// Largest value, also of a part, in bytes.
pub const OUTPUT_BYTES_MAX: usize = 65_536;

/// Whose language an expression is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Language {
    /// Okta's expression language, both the classic and the method style.
    #[default]
    Okta,
    /// Entra's functions for attribute mappings.
    Entra,
}

/// An expression, read and known to be well formed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Expression {
    language: Language,
    text: String,
    tree: Node,
}

/// How an expression is kept.
#[derive(Clone, Serialize, Deserialize)]
struct Written {
    text: String,
    #[serde(default)]
    language: Language,
}

impl TryFrom<Written> for Expression {
    type Error = Error;
    fn try_from(written: Written) -> Result<Self, Error> {
        Self::parse(&written.text, written.language)
    }
}

impl From<Expression> for Written {
    fn from(expression: Expression) -> Self {
        Self { text: expression.text, language: expression.language }
    }
}

impl Expression {
    /// Reads an expression: grammar, names and number of arguments of functions, regular expressions.
    pub fn parse(text: &str, language: Language) -> Result<Self, Error> {
        if text.len() > SOURCE_BYTES_MAX {
            return Err(Error::new(1, format!("the expression is longer than {SOURCE_BYTES_MAX} bytes")));
        }
        let tree = match language {
            Language::Okta => parse::parse(text)?,
            Language::Entra => entra::parse(text)?,
        };
        if depth(&tree) > TREE_DEPTH_MAX {
            return Err(Error::new(1, format!("the expression is nested deeper than {TREE_DEPTH_MAX}")));
        }
        function::check(&tree, language)?;
        Ok(Self { language, text: text.to_owned(), tree })
    }

    /// Reads an expression of Okta's.
    pub fn okta(text: &str) -> Result<Self, Error> {
        Self::parse(text, Language::Okta)
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whose language it is.
    pub fn language(&self) -> Language {
        self.language
    }

    /// The value for these facts, with its provenance. `now` is in microseconds since 1970.
    pub fn evaluate(&self, facts: &Facts, now: i64) -> Result<Evaluated, Error> {
        evaluate::evaluate(&self.tree, self.language, facts, now)
    }

    /// What the value depends on, whichever way its conditions go.
    pub fn dependencies(&self, source: Source) -> BTreeSet<Dependency> {
        depends::dependencies(&self.tree, source)
    }

    /// What a reader should know before trusting it.
    pub fn lints(&self) -> Vec<Lint> {
        lint::lints(&self.tree, self.language)
    }
}

/// Counted without recursion deeper than the tree that it refuses.
fn depth(tree: &Node) -> usize {
    let mut deepest = 0;
    let mut open = vec![(tree, 1)];
    while let Some((node, level)) = open.pop() {
        deepest = deepest.max(level);
        open.extend(node.children().into_iter().map(|child| (child, level + 1)));
    }
    deepest
}

/// Why an expression cannot be read or has no value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    /// The character in the source, counted from 1.
    pub at: At,
    /// What is wrong, without any value of a person.
    pub message: String,
}

impl Error {
    /// An error at a place.
    pub fn new(at: At, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "character {}: {}", self.at, self.message)
    }
}

impl std::error::Error for Error {}
