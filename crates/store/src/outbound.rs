//! Apps and everything that the outbound engine remembers about them.
//!
//! What is known about an account, and what an app is made of, are JSON to this crate: the rules are in `provision`.
//! Invariant: a link is due exactly when somebody has to decide about it; nothing else is a queue. Invariant: every
//! write of a claimed link carries its fence, so whoever lost the claim changes nothing.

mod apps;
mod assignments;
mod claims;
mod due;
mod evidence;
mod groups;
mod links;
mod orphans;
mod people;
mod plans;
mod returns;
mod runs;
mod spread;
mod tasks;

pub use apps::{AppGrant, AppId, AppRow, Granted, NewApp, Reach};
pub use assignments::{AssignmentRow, Principal};
pub use claims::{Claimed, Intent, Settled};
pub use due::{LANES, Work};
pub use evidence::Exchange;
pub use groups::{Headcount, KnownMember, Precheck, PushGroupRow, PushRuleRow, Wanted};
pub use links::{Cause, LinkKind, LinkQuery, LinkRow, Standing};
pub use people::PersonRow;
pub use plans::{PlanRow, PlanState};
pub use runs::{Found, Run, RunItem, RunState};
pub use spread::Fill;
pub use tasks::{Destruction, TaskNote, TaskRow};
