//! `provost idp …`

use super::{Cx, Listed, directory, rows, text_of};
use crate::cli::{Idp, IdpKey, merged};
use crate::client::encoded;
use crate::failure::Result;
use crate::output::{Column, instant, text};
use crate::secret::confirm;
use reqwest::Method;
use serde_json::{Value, json};

pub(super) async fn run(cx: &Cx, command: Idp) -> Result<()> {
    match command {
        Idp::Show { app } => {
            let found = cx.client.get(&saml(cx, &app, "")).await?;
            show(cx, "idp.show", &found)
        }
        Idp::Set { app, settings } => {
            let changed = cx.client.call(Method::PATCH, &saml(cx, &app, ""), Some(&merged(&settings))).await?;
            cx.out.done("idp.set", &changed, &format!("The SAML settings of {app} are changed."))
        }
        Idp::ImportMetadata { app, file } => {
            let body = json!({"xml": text_of(&file, "name the file with the metadata")?});
            let changed = cx.client.call(Method::POST, &saml(cx, &app, "/metadata"), Some(&body)).await?;
            cx.out.done("idp.import", &changed, &format!("{app} is what its metadata says."))
        }
        Idp::Preview { app, user } => {
            let id = directory::user_id(cx, &user).await?;
            let shown = cx.client.get(&saml(cx, &app, &format!("/preview?person={}", encoded(&id)))).await?;
            show(cx, "idp.preview", &shown)
        }
        Idp::Key(command) => key(cx, command).await,
    }
}

fn saml(cx: &Cx, app: &str, rest: &str) -> String {
    cx.path(&format!("/apps/{}/saml{rest}", encoded(app)))
}

fn show(cx: &Cx, schema: &str, value: &Value) -> Result<()> {
    cx.out.one(schema, value, &serde_json::to_string_pretty(value).unwrap_or_default())
}

async fn key(cx: &Cx, command: IdpKey) -> Result<()> {
    let keys = cx.path("/idp/keys");
    match command {
        IdpKey::List => {
            let (rows, next) = rows(&cx.client.get(&keys).await?);
            let columns: [Column<'_>; 4] = [
                ("ID", &|row| text(row, "id")),
                ("STATE", &|row| text(row, "state")),
                ("CREATED", &|row| instant(row, "createdAt")),
                ("SHA-256", &|row| text(row, "fingerprint")),
            ];
            cx.out.list("idp-key.list", &columns, &rows, &next)
        }
        IdpKey::Add => {
            let made = cx.client.call(Method::POST, &keys, None).await?;
            let (id, state) = (text(&made, "id"), text(&made, "state"));
            cx.out.done("idp-key.add", &made, &format!("Key {id} is published ({state})."))?;
            if state == "next" {
                cx.out.hint(&format!("when the apps have read it: provost idp key promote {id}{}", cx.again()));
            }
            Ok(())
        }
        IdpKey::Promote { id } => {
            let id = key_id(cx, &id).await?;
            let made = cx.client.call(Method::POST, &format!("{keys}/{}/promote", encoded(&id)), None).await?;
            cx.out.done("idp-key.promote", &made, &format!("Key {id} signs from now on."))
        }
        IdpKey::Remove { id } => {
            let id = key_id(cx, &id).await?;
            confirm(&format!("take key {id} away: apps that know no other one refuse sign-ins"), cx.yes)?;
            cx.client.call(Method::DELETE, &format!("{keys}/{}", encoded(&id)), None).await?;
            cx.out.done("idp-key.remove", &json!({"id": id}), &format!("Key {id} is gone."))
        }
    }
}

async fn key_id(cx: &Cx, start: &str) -> Result<String> {
    Listed::of(cx, "/idp/keys", "key", "idp key list").whole_id(cx, start).await
}
