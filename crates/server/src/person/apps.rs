//! The applications on a person's own page: one click, and they are signed in there.

use super::{Person, Visit};
use crate::admin::apps::logo;
use crate::console::{Fault, Shown, initials};
use crate::error::Result;
use crate::idp::startable;
use crate::outbound::integration::Integration;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderValue, Response, header};
use maud::{Markup, html};

/// The part of the page; nothing where nobody can sign in to anything from here.
pub(super) async fn part(visit: &Visit, person: &Person) -> Result<Markup> {
    let apps = startable(&visit.app, &visit.tenant, &person.user.id).await?;
    Ok(html! {
        @if !apps.is_empty() {
            nav aria-labelledby="your-apps" {
                h2 #your-apps { "Your applications" }
                ul .app-tiles { @for app in &apps { li { (tile(&visit.tenant.root(), app)) } } }
            }
        }
    })
}

fn tile(root: &str, app: &Integration) -> Markup {
    let (name, label) = (&app.row.name, &app.app.label);
    html! {
        a .app-tile href={ (root) "/idp/" (name) "/sso" } {
            @if logo::has(app) { img src={ (root) "/me/apps/" (name) "/logo" } alt="" width="44" height="44"; }
            @else { span .app-letters aria-hidden="true" { (initials(label)) } }
            span { (label) }
        }
    }
}

/// The names of a path: the tenant's stands before the app's, where there is one.
#[derive(serde::Deserialize)]
pub(super) struct Named {
    app: String,
}

/// `GET /me/apps/{app}/logo`: to whom has a tile with it.
pub(super) async fn picture(visit: Visit, Path(named): Path<Named>) -> Shown {
    let missing = || Fault::missing("there is no picture here");
    let person = visit.person().await?.ok_or_else(missing)?;
    let apps = startable(&visit.app, &visit.tenant, &person.user.id).await?;
    let bytes = apps.iter().find(|app| app.row.name == named.app).and_then(logo::of).ok_or_else(missing)?;
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("image/png"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}
