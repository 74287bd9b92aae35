//! *Directory › Profile Editor*: the profile of the directory, and that of every application.

use super::{at, tenant};
use crate::admin::apps::{self, preview};
use crate::console::parts::{Column, Row, Table, Tone, badge, card, count, empty, link, table};
use crate::console::{Desk, Icon, Nav, Page, Shown, page};
use crate::outbound::integration::Integration;
use maud::html;

const COLUMNS: [Column; 4] = [
    Column::new("Profile"),
    Column::new("Attributes").number(),
    Column::new("Not mapped").number(),
    Column::new("Mappings"),
];

/// `GET /app/profiles`.
pub(super) async fn show(cx: Desk) -> Shown {
    let all = apps::list(&cx.app, tenant(&cx)).await?;
    let own = preview::directory_names(&cx.app, tenant(&cx))?;
    let body = html! {
        (card("Directory", html! {
            p { (count(own.len() as u64)) " attributes can be read by mappings as " code { "user.NAME" } "; what applications give back is written to them." }
            details .folded { summary { "Their names" } ul .list.pairs { @for name in &own { li { code { (name) } } } } }
            div .actions { (link("/app/fields", "Custom fields", false)) (link("/app/scim/attributes", "Attribute list", false)) }
        }))
        @if all.is_empty() {
            (empty(Icon::Apps, "No applications yet", html! { "Each application has a profile of its own." }, cx.may_change().then(|| link("/app/create-app", "Create App Integration", true))))
        } @else {
            (table(&Table { caption: "Profiles of applications", columns: &COLUMNS, rows: all.iter().map(row).collect(), body_id: None }))
        }
    };
    let about = Page::new("Profile Editor", Nav::Profiles)
        .purpose("What a person is made of, here and at each application.")
        .help("provision-an-application");
    Ok(page(&cx, about, body))
}

fn row(integration: &Integration) -> Row {
    let app = &integration.app;
    let is_mapped = |name: &str| app.to_app.iter().any(|mapping| mapping.attribute.eq_ignore_ascii_case(name));
    let open = app.profile.attributes.iter().filter(|one| !is_mapped(&one.variable_name)).count();
    Row {
        cells: vec![
            html! { a href=(at(integration, "/profile")) { (app.label) " User" } },
            html! { (count(app.profile.attributes.len() as u64)) },
            html! { @if open == 0 { (badge(Tone::Good, "None")) } @else { (count(open as u64)) } },
            html! { a href=(at(integration, "/mappings")) { "Mappings" span .unseen { " of " (app.label) } } },
        ],
        ..Row::default()
    }
}
