//! `/sign-in`: where somebody who is not signed in is sent to, and from where they go on to what they wanted.

use super::Visit;
use crate::console::{Shown, bare, see_other};
use crate::query;
use crate::saml::Addresses;
use maud::html;
use store::SamlConnection;

/// The address of the sign-in, from where a path of ours is gone on to. `again` has them prove anew who they are.
pub(crate) fn sign_in_address(visit: &Visit, next: &str, again: bool) -> String {
    let again = if again { "1" } else { "" };
    query::address(&format!("{}/sign-in", visit.tenant.root()), &[("next", next), ("again", again)])
}

/// `GET /sign-in`. Where there is one way in, it is taken without a question.
pub(super) async fn show(visit: Visit) -> Shown {
    let tenant = visit.tenant.tenant.id;
    let ways: Vec<SamlConnection> = visit.app.store().read(move |r| r.saml_connections(tenant)).await?;
    let ways: Vec<&SamlConnection> = ways.iter().filter(|way| way.settings.enabled).collect();
    let asked = |name: &str| query::value(&visit.query, name).unwrap_or_default();
    let (next, again) = (asked("next"), asked("again"));
    let to = |way: &SamlConnection| {
        let login = Addresses::below(&visit.tenant.root(), &way.id).login;
        query::address(&login, &[("next", next.as_str()), ("again", again.as_str())])
    };
    if let [way] = ways.as_slice() {
        return Ok(see_other(&to(way)));
    }
    let body = html! {
        h1 { "Sign in" }
        @if ways.is_empty() { p .lead { "Whoever administers this application has not set up a sign-in yet." } }
        @for (place, way) in ways.iter().enumerate() {
            @let label = if way.settings.label.is_empty() { &way.id } else { &way.settings.label };
            a .button.wide.main[place == 0] href=(to(way)) { "Sign in with " (label) }
        }
    };
    Ok(bare(visit.theme, "Sign in", body))
}
