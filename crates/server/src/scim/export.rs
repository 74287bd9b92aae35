//! Everything of a tenant, one resource a line, as SCIM shows it: the admin API's export.
//!
//! Pages follow the order of rows, each in a snapshot of its own: what comes or goes meanwhile is in it or not, and nothing
//! is in it twice. What is held in memory is one page of users, or a page of a group's members.

use super::render;
use super::stream::Sink;
use crate::app::App;
use crate::error::Result;
use crate::pieces::Pieces;
use crate::tenants::TenantState;
use scim::{Projection, ResourceType};
use std::io;
use std::sync::Arc;
use store::{Position, Query, Start};
use tokio::runtime::Handle;

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
            after = match page(&app, &export, rt, after, &pieces).await {
                Ok(next) => next,
                Err(_) if pieces.is_closed() => return,
                Err(error) => {
                    tracing::warn!(?error, "an export was broken off");
                    pieces.send(Err(io::Error::other("the export was broken off"))).await.ok();
                    return;
                }
            };
            if after.is_none() {
                break;
            }
        }
    }
}

/// Sends one page; answers where the next one starts.
async fn page(
    app: &App,
    export: &Arc<Export>,
    rt: &Arc<ResourceType>,
    after: Option<Position>,
    pieces: &Pieces,
) -> Result<Option<Position>> {
    let (export, rt) = (Arc::clone(export), Arc::clone(rt));
    let mut out = Sink::to_pieces(Handle::current(), pieces.clone());
    let send = move |r: &store::Reader| -> store::Result<Option<Position>> {
        let wanted = render::Wanted::new(&rt, &export.projection);
        let query = Query {
            filter: None,
            sort: None,
            start: after.as_ref().map_or(Start::Index(0), Start::After),
            count: PAGE,
            want_total: false,
            want_groups: wanted.groups,
            base: &export.base,
        };
        let tenant = export.tenant.tenant.id;
        let page = r.search(tenant, &rt, &query)?;
        for view in &page.views {
            render::resource(r, tenant, &export.base, &rt, view, &export.projection, &wanted, &mut out)?;
            out.bytes().push(b'\n');
            out.breathe()?;
        }
        out.finish()?;
        Ok(page.next)
    };
    Ok(app.store().stream(send).await?)
}
