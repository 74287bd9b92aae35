//! `provost saml …`: the identity providers that a tenant's people sign in with, and our own keys.

use super::{Cx, Listed, rows, text_of};
use crate::cli::{MetadataSource, Saml, merged};
use crate::client::encoded;
use crate::failure::Result;
use crate::output::{Column, instant, text, yes};
use crate::secret::confirm;
use reqwest::Method;
use serde_json::{Map, Value, json};

pub(super) async fn run(cx: &Cx, command: Saml) -> Result<()> {
    match command {
        Saml::List => {
            let answer = cx.client.get(&cx.path("/saml/connections")).await?;
            let columns: [Column<'_>; 4] = [
                ("ID", &|row| text(row, "id")),
                ("LABEL", &|row| text(row, "label")),
                ("ENABLED", &|row| yes(row, "enabled")),
                ("IDENTITY PROVIDER", &|row| text(row, "entityId")),
            ];
            let (all, next) = rows(&answer);
            cx.out.list("saml.list", &columns, &all, &next)
        }
        Saml::Show { id } => {
            let found = cx.client.get(&at(cx, &id)).await?;
            cx.out.one("saml.show", &found, &shown(&found))
        }
        Saml::Add { id, from, label } => {
            let mut body = source(from)?;
            body.insert("id".into(), json!(id));
            if let Some(label) = label {
                body.insert("label".into(), json!(label));
            }
            let made = cx.client.call(Method::POST, &cx.path("/saml/connections"), Some(&body.into())).await?;
            cx.out.one("saml.add", &made, &shown(&made))
        }
        Saml::Set { id, settings } => {
            let changed = cx.client.call(Method::PATCH, &at(cx, &id), Some(&merged(&settings))).await?;
            cx.out.one("saml.set", &changed, &shown(&changed))
        }
        Saml::Metadata { id, from } => {
            let body = source(from)?;
            let changed = cx.client.call(Method::PATCH, &at(cx, &id), Some(&body.into())).await?;
            cx.out.one("saml.metadata", &changed, &shown(&changed))
        }
        Saml::Remove { id } => {
            confirm(&format!("delete the SAML connection {id} and sign everybody out who came by it"), cx.yes)?;
            let gone = cx.client.call(Method::DELETE, &at(cx, &id), None).await?;
            cx.out.done("saml.remove", &gone, &format!("{id} is deleted."))
        }
        Saml::Keys => keys(cx, "saml.keys", &cx.client.get(&cx.path("/saml/keys")).await?),
        Saml::NewKey => {
            let made = cx.client.call(Method::POST, &cx.path("/saml/keys"), Some(&json!({}))).await?;
            let id = text(&made, "id");
            cx.out.done("saml.new-key", &made, &format!("{id} is published in our metadata."))?;
            if text(&made, "state") == "next" {
                let next = format!("provost saml promote-key {id}{}", cx.again());
                cx.out.hint(&format!("once the identity provider has read it: {next}"));
            }
            Ok(())
        }
        Saml::PromoteKey { key } => {
            let key = key_id(cx, &key).await?;
            let path = cx.path(&format!("/saml/keys/{}/promote", encoded(&key)));
            keys(cx, "saml.promote-key", &cx.client.call(Method::POST, &path, Some(&json!({}))).await?)
        }
        Saml::RemoveKey { key } => {
            let key = key_id(cx, &key).await?;
            confirm(&format!("delete the key {key}: what is encrypted to it can no longer be read"), cx.yes)?;
            let path = cx.path(&format!("/saml/keys/{}", encoded(&key)));
            let gone = cx.client.call(Method::DELETE, &path, None).await?;
            cx.out.done("saml.remove-key", &gone, &format!("{key} is deleted."))
        }
    }
}

fn at(cx: &Cx, id: &str) -> String {
    cx.path(&format!("/saml/connections/{}", encoded(id)))
}

/// Where the other side's metadata comes from.
fn source(from: MetadataSource) -> Result<Map<String, Value>> {
    Ok(match (from.metadata, from.metadata_url) {
        (Some(file), _) => {
            let xml = text_of(&file, "name the file with the metadata")?;
            Map::from_iter([("metadata".to_owned(), json!(xml))])
        }
        (None, Some(url)) => Map::from_iter([("metadataUrl".to_owned(), json!(url))]),
        (None, None) => Map::new(),
    })
}

fn keys(cx: &Cx, schema: &str, answer: &Value) -> Result<()> {
    let (all, next) = rows(answer);
    let columns: [Column<'_>; 4] = [
        ("ID", &|row| text(row, "id")),
        ("STATE", &|row| text(row, "state")),
        ("CREATED", &|row| instant(row, "createdAt")),
        ("UNTIL", &|row| instant(row, "certificate.notAfter")),
    ];
    cx.out.list(schema, &columns, &all, &next)
}

/// What goes into the identity provider, and what is known of it.
fn shown(connection: &Value) -> String {
    let lines = [
        ("Single sign on URL", "serviceProvider.acsUrl"),
        ("Audience URI (SP Entity ID)", "serviceProvider.entityId"),
        ("Metadata", "serviceProvider.metadataUrl"),
        ("Single logout URL", "serviceProvider.logoutUrl"),
        ("Where people start", "serviceProvider.loginUrl"),
        ("Connection", "id"),
        ("Enabled", "enabled"),
        ("Identity provider", "entityId"),
        ("Its sign-on URL", "signOnUrl"),
        ("Match by", "matchBy"),
        ("Auto create user", "autoCreate"),
    ];
    lines.iter().map(|(word, path)| format!("{word:<28}  {}\n", text(connection, path))).collect()
}

async fn key_id(cx: &Cx, start: &str) -> Result<String> {
    Listed::of(cx, "/saml/keys", "key", "saml keys").whole_id(cx, start).await
}
