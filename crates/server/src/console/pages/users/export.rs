//! The list of users as a file: whom the filter fits, in its order, with the columns that are shown.

use super::{Asked, columns};
use crate::admin::directory::{self, Found, Listing, Sorting};
use crate::console::parts::csv_cell;
use crate::console::{Desk, Shown};
use crate::pieces::{self, Pieces};
use columns::What;

/// People that are read at once.
const PAGE: u64 = 200;

/// What stands in front of the columns of the list.
const FIRST: [&str; 4] = ["id", "userName", "name", "externalId"];

/// `GET /app/users/export.csv`.
pub(in crate::console::pages) async fn csv(cx: Desk) -> Shown {
    let asked = Asked::parse(&cx.query);
    let shown: Vec<What> =
        columns::all(&cx, &asked).into_iter().filter(|choice| choice.shown).map(|choice| choice.what).collect();
    let listing = Listing {
        filter: asked.whole_filter(&cx).await?,
        order: Sorting::parse(&asked.order),
        after: None,
        count: PAGE,
        want_groups: shown.iter().any(|what| matches!(what, What::Groups)),
        only: asked.only(),
    };
    let (out, body) = pieces::channel();
    tokio::spawn(pump(cx, listing, shown, out));
    Ok(crate::console::pages::download(crate::console::pages::CSV, "users.csv", body))
}

async fn pump(cx: Desk, mut listing: Listing, shown: Vec<What>, out: Pieces) {
    let heads = FIRST.iter().copied().chain(shown.iter().map(What::title)).map(csv_cell);
    let head = heads.collect::<Vec<_>>().join(",") + "\r\n";
    if out.send(Ok(head.into())).await.is_err() {
        return;
    }
    loop {
        let page = match directory::list(&cx.app, &cx.tenant, &cx.endpoint, "User", listing.clone()).await {
            Ok(page) => page,
            Err(error) => return pieces::break_off(&out, &error).await,
        };
        let text: String = page.found.iter().map(|found| line(found, &shown)).collect();
        if out.send(Ok(text.into())).await.is_err() || page.next.is_none() {
            return;
        }
        listing.after = page.next;
    }
}

fn line(found: &Found, shown: &[What]) -> String {
    let first =
        [found.id.clone(), found.text("userName").to_owned(), found.name(), found.text("externalId").to_owned()];
    let cells = first.into_iter().chain(shown.iter().map(|what| what.text(found))).map(|text| csv_cell(&text));
    cells.collect::<Vec<_>>().join(",") + "\r\n"
}
