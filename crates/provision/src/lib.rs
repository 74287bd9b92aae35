//! What should be at each application, and the next thing to do about it.
//!
//! Everything here is pure: no clock, no IO, no SQL, no async. Facts and a time come in; what should
//! be there, why, and the next request come out. The way of one push: `assignment` (should somebody be
//! there, and why) → `mapping` (which values, from where) → `plan` (the next thing to do) → `brake` →
//! `wire` (a request) → `outcome` (what the answer means for the `link`).

pub mod app;
pub mod assignment;
pub mod brake;
pub mod census;
pub mod expression;
pub mod group_filter;
pub mod import;
pub mod link;
pub mod mapping;
pub mod outcome;
pub mod pace;
pub mod place;
pub mod plan;
pub mod profile;
pub mod push_group;
pub mod reconcile;
pub mod target;
pub mod wire;

pub use app::App;
pub use assignment::Assignment;
pub use census::Census;
pub use expression::{Dependency, Expression, Facts, Person};
pub use group_filter::{FilterBy, GroupFilter};
pub use link::{Kind, Link};
pub use mapping::Mapping;
pub use outcome::{Answer, Outcome, settle};
pub use plan::{Action, Desired, Observed, Rules, decide, next};
pub use profile::Profile;
pub use target::Target;
