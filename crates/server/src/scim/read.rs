//! `GET /{endpoint}/{id}` (RFC 7644 §3.4.1).

use super::{Cx, no_such, render};
use crate::answer::Answer;
use crate::auth::Operation;
use crate::error::Result;
use crate::record::Trace;
use axum::http::header;
use scim::meta::EntityTags;

pub(super) async fn read(cx: &Cx, endpoint: &str, id: &str, trace: &mut Trace) -> Result<Answer> {
    let rt = cx.resource_type(endpoint)?;
    cx.may(&rt, Operation::Read)?;
    let projection = cx.projection()?;
    let known = cx.header(header::IF_NONE_MATCH).map(EntityTags::parse);
    trace.resource(&rt, id);
    let (id, cx) = (id.to_owned(), cx.clone());
    let store = cx.app.store().clone();
    store
        .read(move |r| {
            let wanted = render::Wanted::new(&rt, &projection);
            let view = r.view(cx.tenant.tenant.id, &rt, &id, wanted.groups)?.ok_or_else(|| no_such(&rt))?;
            let etag = scim::meta::etag(view.version);
            if known.is_some_and(|known| known.matches(view.version)) {
                return Ok(Answer::empty(304).with("etag", etag));
            }
            let mut body = Vec::with_capacity(view.head.len() + 512);
            render::resource(r, cx.tenant.tenant.id, &cx.base, &rt, &view, &projection, &wanted, &mut body)?;
            Ok(Answer::bytes(200, body).with("etag", etag))
        })
        .await
}
