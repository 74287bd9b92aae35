//! Everything of a tenant, one resource a line, as SCIM shows it: the admin API's export.
//!
//! Pages follow the order of rows, each in a snapshot of its own: what comes or goes meanwhile is in it or not, and nothing
//! is in it twice. What is held in memory is one page of users, or one group with its members.

use super::render;
use crate::app::App;
use crate::error::Result;
use crate::pieces::Pieces;
use crate::tenants::TenantState;
use bytes::Bytes;
use scim::{Projection, ResourceType};
use std::io;
use std::sync::Arc;
use store::{Position, Query, Start};

/// Resources that are read at once.
const PAGE: u64 = 200;

/// What is exported.
pub(crate) struct Export {
    pub(crate) tenant: Arc<TenantState>,
    pub(crate) types: Vec<Arc<ResourceType>>,
    pub(crate) base: String,
    pub(crate) projection: Projection,
}

/// Sends everything; whoever reads no further ends it.
pub(crate) async fn export(app: App, export: Export, pieces: Pieces) {
    let export = Arc::new(export);
    for rt in &export.types {
        let mut after = None;
        loop {
            let page = match page(&app, &export, rt, after).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(?error, "an export was broken off");
                    pieces.send(Err(io::Error::other("the export was broken off"))).await.ok();
                    return;
                }
            };
            let (bytes, next) = page;
            if !bytes.is_empty() && pieces.send(Ok(bytes)).await.is_err() {
                return;
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
    }
}

async fn page(
    app: &App,
    export: &Arc<Export>,
    rt: &Arc<ResourceType>,
    after: Option<Position>,
) -> Result<(Bytes, Option<Position>)> {
    let (export, rt) = (Arc::clone(export), Arc::clone(rt));
    let read = move |r: &store::Reader| -> store::Result<(Bytes, Option<Position>)> {
        let wanted = render::Wanted::new(&rt, &export.projection);
        let query = Query {
            filter: None,
            sort: None,
            start: after.as_ref().map_or(Start::Index(0), Start::After),
            count: if wanted.members { 1 } else { PAGE },
            want_total: false,
            want_groups: wanted.groups,
            base: &export.base,
        };
        let tenant = export.tenant.tenant.id;
        let page = r.search(tenant, &rt, &query)?;
        let mut out = Vec::new();
        for view in &page.views {
            render::resource(r, tenant, &export.base, &rt, view, &export.projection, &wanted, &mut out)?;
            out.push(b'\n');
        }
        Ok((out.into(), page.next))
    };
    Ok(app.store().read(read).await?)
}
