//! One listing of the app instead of a look for each of many who arrive at once.
//!
//! It is made beside other work when many wait, kept in memory for a while, and made again while that is worth it.

use super::push::Shared;
use super::send::{Sent, send};
use crate::limits;
use provision::census::Census;
use provision::link::Link;
use provision::outcome::{Answer, page};
use provision::plan::{Desired, Rules};
use provision::target::LookupBy;
use provision::{Kind, wire};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is known of who is at an app.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The list, and until when it is believed.
    census: Option<(Census, i64)>,
    /// Whether somebody is reading one.
    reading: bool,
    /// Nobody begins before that time.
    not_before: i64,
}

impl Known {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a list may be begun.
    pub(super) fn is_open(&self, now: i64) -> bool {
        let state = self.lock();
        !state.reading && state.not_before <= now
    }

    /// Leaves it alone until then.
    pub(super) fn rest(&self, until: i64) {
        self.lock().not_before = until;
    }

    /// Notes in a new link which looks a list has made needless.
    pub(super) fn vouch(&self, link: Link, desired: &Desired, rules: &Rules<'_>, now: i64) -> Link {
        match &mut self.lock().census {
            Some((census, until)) if *until > now && rules.kind == Kind::User => {
                census.vouch(link, desired, rules, now)
            }
            _ => link,
        }
    }
}

/// Reads everybody at the app beside other work, for so many who wait to be looked for.
pub(super) fn begin(shared: &Arc<Shared>, waiting: u64) {
    shared.census.lock().reading = true;
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let began = shared.app.clock().now();
        let read = read(&shared, waiting).await;
        let mut state = shared.census.lock();
        state.reading = false;
        state.not_before = match &read {
            // The next one is there before this one is too old.
            Some(_) => began.saturating_add(limits::CENSUS_AGE / 3 * 2),
            None => shared.app.clock().now().saturating_add(limits::CENSUS_REST),
        };
        if let Some(census) = read {
            // What takes long to read is old when it is read.
            state.census = Some((census, began.saturating_add(limits::CENSUS_AGE)));
        }
    });
}

/// The whole list; nothing if it is longer than it is worth, or not whole beyond doubt.
async fn read(shared: &Shared, waiting: u64) -> Option<Census> {
    let target = &shared.integration.app.target;
    let unique = shared.integration.app.unique_field();
    let fields = target.lookups.iter().map(|by| match by {
        LookupBy::ExternalId => "externalId",
        LookupBy::Unique => unique,
    });
    let mut census = Census::new(&fields.collect::<Vec<_>>());
    let (mut read, mut whole) = (0_u64, None);
    loop {
        let request = wire::list(Kind::User, read + 1, target);
        let Sent { answer, .. } =
            send(&shared.app, &shared.state, &shared.integration, &shared.secret, "scan", &request).await;
        let page = match &answer {
            Answer::Got(response) if response.refusal().is_none() => page(response)?,
            _ => return None,
        };
        let total = page.total?;
        // One page must spare many looks, and a list that changes while it is read may have hidden somebody.
        if total / target.page_size.max(1) > waiting / limits::CENSUS_WORTH || total < *whole.get_or_insert(total) {
            return None;
        }
        page.resources.iter().for_each(|account| census.see(account));
        read += u64::try_from(page.resources.len()).unwrap_or(u64::MAX);
        if read >= total {
            return Some(census).filter(Census::is_whole);
        }
        if page.resources.is_empty() {
            return None;
        }
    }
}
