//! Demands on something that came, in the order in which they are looked at, each with what became of it.

/// What became of a demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    /// It can be used, and somebody should look.
    Warned,
    Failed,
    /// One before it failed.
    NotReached,
}

impl Verdict {
    /// That of the demand at a place, where the one at another has failed.
    pub(crate) fn at(place: usize, failed: Option<usize>) -> Self {
        match failed {
            Some(failed) if place == failed => Self::Failed,
            Some(failed) if place > failed => Self::NotReached,
            _ => Self::Passed,
        }
    }
}

/// A demand, and what was found, or what is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) told: String,
}
