//! `provost status`: what runs, where, and how much it holds.

use super::Cx;
use crate::failure::Result;
use crate::output::properties;

pub(super) async fn run(cx: &Cx) -> Result<()> {
    let status = cx.client.get("/api/v1/status").await?;
    let running = if cx.client.is_server() { "running" } else { "not running; read from the data folder" };
    cx.out.note(&format!("{}: {running}", cx.client.target));
    cx.out.one("status", &status, &properties(&status))
}
