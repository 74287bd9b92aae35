//! What every client may count on, whoever it is: one file a subject, each test in a tenant of its own.

mod access;
mod answers;
mod attributes;
mod bulk;
mod discovery;
mod filters;
mod framing;
mod groups;
mod isolation;
mod limits;
mod lists;
mod log;
mod manager;
mod patch;
mod people;
mod strict;
mod switches;
mod types;
mod versions;
