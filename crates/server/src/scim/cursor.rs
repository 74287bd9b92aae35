//! Cursors (RFC 9865): where a page ended, sealed so that it can be neither read nor changed.
//!
//! A cursor is bound to its query: filter, sorting and count have to be the same from page to page. It holds the
//! place in the order, not a number of rows, so resources that come or go meanwhile shift nothing.

use super::Cx;
use crate::error::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scim::{Code, ResourceType, SearchRequest};
use serde::{Deserialize, Serialize};
use store::Position;

const PURPOSE: &str = "cursor";

#[derive(Serialize, Deserialize)]
struct Cursor {
    position: Position,
    query: String,
    count: u64,
    made_at: i64,
}

/// What a cursor is bound to, besides the count.
fn query_of(cx: &Cx, rt: &ResourceType, search: &SearchRequest) -> String {
    let filter = search.filter.as_ref().map(ToString::to_string).unwrap_or_default();
    let sort = search.sort_by.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{}|{}|{filter}|{sort}|{}", cx.tenant.tenant.id.0, rt.name, search.descending)
}

pub(super) fn make(
    cx: &Cx,
    rt: &ResourceType,
    search: &SearchRequest,
    count: u64,
    position: Position,
) -> Result<String> {
    let cursor = Cursor { position, query: query_of(cx, rt, search), count, made_at: cx.now };
    let text = serde_json::to_vec(&cursor).unwrap_or_default();
    Ok(URL_SAFE_NO_PAD.encode(cx.app.store().seal(PURPOSE, &text)?))
}

/// The place that a cursor stands for, if it belongs to this query.
pub(super) fn open(cx: &Cx, rt: &ResourceType, search: &SearchRequest, count: u64, text: &str) -> Result<Position> {
    let refuse =
        || Error::new(Code::INVALID_CURSOR, "the cursor is not one of this query; start again with an empty cursor");
    let sealed = URL_SAFE_NO_PAD.decode(text).map_err(|_| refuse())?;
    let bytes = cx.app.store().unseal(PURPOSE, &sealed).ok_or_else(refuse)?;
    let cursor: Cursor = serde_json::from_slice(&bytes).map_err(|_| refuse())?;
    if cursor.query != query_of(cx, rt, search) {
        return Err(refuse());
    }
    if cursor.count != count {
        return Err(Error::new(Code::INVALID_COUNT, "count has to stay the same from page to page of one cursor"));
    }
    let seconds = i64::from(cx.tenant.tenant.settings.cursor_seconds);
    if cx.now - cursor.made_at > seconds * 1_000_000 {
        return Err(Error::new(
            Code::EXPIRED_CURSOR,
            format!("the cursor is older than {seconds} s; start again with an empty cursor"),
        ));
    }
    Ok(cursor.position)
}
