//! What a decision about a link is made from, read for many links in one go.

use crate::app::App;
use crate::error::Result;
use crate::outbound::census::Known;
use crate::outbound::directory::Profile;
use crate::outbound::gate::Gate;
use crate::outbound::inputs::{self, Around, Inputs, Sources, kind_of};
use crate::outbound::integration::Integration;
use crate::outbound::push::Pen;
use crate::outbound::send::Secret;
use crate::tenants::TenantState;
use provision::link::Link;
use std::sync::Arc;
use store::{AppId, Claimed, LinkKind, LinkRow};

/// What the work on all links of an app shares.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) app: App,
    pub(crate) state: Arc<TenantState>,
    pub(crate) integration: Integration,
    pub(crate) secret: Secret,
    pub(in crate::outbound) gate: Arc<Gate>,
    pub(in crate::outbound) census: Known,
    pub(in crate::outbound) pen: Pen,
    /// What is read of a person.
    pub(in crate::outbound) profile: Profile,
    /// Whether what an account should be depends on the time.
    pub(in crate::outbound) by_time: bool,
    /// The apps whose expressions read the accounts of this one.
    pub(in crate::outbound) readers: Vec<AppId>,
}

impl Shared {
    fn sources(&self) -> Sources<'_> {
        (&self.state, &self.integration, &self.profile)
    }
}

/// A claimed link with everything that a decision about it takes.
pub(in crate::outbound) struct Ready {
    pub(super) row: LinkRow,
    /// What is known of the account, and what should be there; or why that cannot be said.
    pub(super) known: Result<(Link, Inputs)>,
    pub(super) read_at: i64,
}

/// Reads what decisions about these links take, all in one go.
pub(in crate::outbound) async fn ready(shared: &Arc<Shared>, claimed: Vec<Claimed>) -> Vec<Ready> {
    let (work, now) = (Arc::clone(shared), shared.app.clock().now());
    let rows: Vec<LinkRow> = claimed.iter().map(|one| one.row.clone()).collect();
    let read = shared.app.store().read(move |r| -> Result<Vec<Result<(Link, Inputs)>>> {
        let people = claimed.iter().filter(|one| one.row.kind == LinkKind::User);
        let people: Vec<&str> = people.map(|one| one.row.resource.as_str()).collect();
        let around = Around::read(r, &work.state, &work.integration, &people)?;
        let one = |one: &Claimed| {
            let link = known(&work, one)?;
            let inputs = inputs::of(r, &around, work.sources(), &one.row, &link, now)?;
            Ok((link, inputs))
        };
        Ok(claimed.iter().map(one).collect())
    });
    let mut read = read.await.unwrap_or_default().into_iter();
    // Whoever was not read has a claim that has to be given back.
    let next = |row| {
        let known = read.next().unwrap_or_else(|| Err(store::Error::Unavailable.into()));
        Ready { row, known, read_at: now }
    };
    rows.into_iter().map(next).collect()
}

/// What is known of the account.
fn known(shared: &Shared, claimed: &Claimed) -> Result<Link> {
    let row = &claimed.row;
    let link = match &claimed.state {
        Some(state) => serde_json::from_str::<Link>(state).map_err(store::Error::from)?,
        None => Link::new(kind_of(row.kind), &row.resource),
    };
    Ok(match row.retry {
        0 if row.evaluated_rev >= shared.integration.row.revision => link,
        0 | 1 => link.retried(),
        _ => link.forgotten(),
    })
}

pub(super) async fn read_inputs(shared: &Arc<Shared>, row: &LinkRow, link: &Link) -> Result<(Inputs, i64)> {
    let now = shared.app.clock().now();
    let (work, row, link) = (Arc::clone(shared), row.clone(), link.clone());
    let inputs = shared.app.store().read(move |r| inputs::read(r, work.sources(), &row, &link, now)).await?;
    Ok((inputs, now))
}
