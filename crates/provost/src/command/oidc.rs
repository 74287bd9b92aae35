//! `provost oidc …`

use super::{Cx, Listed, rows};
use crate::cli::{Oidc, OidcChange, OidcClient, OidcCreate, OidcKey, SecretOutput, Span};
use crate::client::encoded;
use crate::failure::Result;
use crate::output::{Column, instant, text};
use crate::secret::{SecretFile, confirm};
use reqwest::Method;
use serde_json::{Map, Value, json};

pub(super) async fn run(cx: &Cx, command: Oidc) -> Result<()> {
    match command {
        Oidc::Client(command) => client(cx, command).await,
        Oidc::Key(command) => key(cx, command).await,
    }
}

async fn client(cx: &Cx, command: OidcClient) -> Result<()> {
    match command {
        OidcClient::Create(arguments) => create(cx, &arguments).await,
        OidcClient::List => list(cx).await,
        OidcClient::Show { id } => {
            let id = client_id(cx, &id).await?;
            let shown = cx.client.get(&at(cx, &id, "")).await?;
            cx.out.one("oidc-client", &shown, &serde_json::to_string_pretty(&shown).unwrap_or_default())
        }
        OidcClient::Set { id, change } => {
            let id = client_id(cx, &id).await?;
            let changed = cx.client.call(Method::PATCH, &at(cx, &id, ""), Some(&body(&change).into())).await?;
            cx.out.done("oidc-client.set", &changed, &format!("Client {id} is changed."))
        }
        OidcClient::Rotate { id, overlap, output } => rotate(cx, &id, overlap, &output).await,
        OidcClient::Delete { id } => {
            let id = client_id(cx, &id).await?;
            confirm(&format!("take client {id} away: nobody can sign in to that application any more"), cx.yes)?;
            cx.client.call(Method::DELETE, &at(cx, &id, ""), None).await?;
            cx.out.done("oidc-client.delete", &json!({"id": id}), &format!("Client {id} is gone."))
        }
    }
}

fn at(cx: &Cx, id: &str, rest: &str) -> String {
    cx.path(&format!("/oidc/clients/{}{rest}", encoded(id)))
}

fn body(change: &OidcChange) -> Map<String, Value> {
    let mut body = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        value.into_iter().for_each(|value| {
            body.insert(name.into(), value);
        });
    };
    let list = |all: &[String]| (!all.is_empty()).then(|| json!(all));
    set("redirectUris", list(&change.redirect_uri));
    set("postLogoutRedirectUris", list(&change.post_logout_redirect_uri));
    set("label", change.label.clone().map(Value::from));
    set("enabled", change.enabled.map(Value::from));
    set("emailVerified", change.email_verified.map(Value::from));
    set("groups", change.groups.map(|groups| groups.as_str().into()));
    body
}

async fn create(cx: &Cx, arguments: &OidcCreate) -> Result<()> {
    let file = SecretFile::open(&arguments.output)?;
    let mut body = body(&arguments.change);
    body.insert("public".into(), arguments.public.into());
    let made = cx.client.call(Method::POST, &cx.path("/oidc/clients"), Some(&body.into())).await?;
    show(cx, "oidc-client.create", made, file)
}

async fn rotate(cx: &Cx, id: &str, overlap: Span, output: &SecretOutput) -> Result<()> {
    let file = SecretFile::open(output)?;
    let id = client_id(cx, id).await?;
    let body = json!({"overlapSeconds": overlap.0});
    let made = cx.client.call(Method::POST, &at(cx, &id, "/secret"), Some(&body)).await?;
    show(cx, "oidc-client.rotate", made, file)?;
    cx.out.note(&format!("The old secret goes on working for {} seconds.", overlap.0));
    Ok(())
}

/// Shows what the application is set up with; the secret the one time that it is known.
fn show(cx: &Cx, schema: &str, mut made: Value, file: Option<SecretFile>) -> Result<()> {
    let secret = text(&made, "secret");
    let about = format!("issuer     {}\nclient id  {}", text(&made, "issuer"), text(&made, "id"));
    if secret.is_empty() {
        return cx.out.one(schema, &made, &about);
    }
    let Some(file) = file else {
        cx.out.note("This is the only time that the secret is shown:");
        return cx.out.one(schema, &made, &format!("{about}\nsecret     {secret}"));
    };
    let path = file.keep(&secret)?;
    if let Some(map) = made.as_object_mut() {
        map.shift_remove("secret");
        map.insert("outputFile".into(), path.display().to_string().into());
    }
    cx.out.done(schema, &made, &format!("{about}\nThe secret is in {} and nowhere else.", path.display()))
}

async fn list(cx: &Cx) -> Result<()> {
    let (clients, next) = rows(&cx.client.get(&cx.path("/oidc/clients")).await?);
    let columns: [Column<'_>; 5] = [
        ("ID", &|row| text(row, "id")),
        ("LABEL", &|row| text(row, "label")),
        ("KIND", &|row| if row.get("public") == Some(&Value::Bool(true)) { "public" } else { "secret" }.to_owned()),
        ("STATE", &|row| if row.get("enabled") == Some(&Value::Bool(true)) { "on" } else { "off" }.to_owned()),
        ("CREATED", &|row| instant(row, "createdAt")),
    ];
    cx.out.list("oidc-client.list", &columns, &clients, &next)
}

async fn key(cx: &Cx, command: OidcKey) -> Result<()> {
    let keys = cx.path("/oidc/keys");
    match command {
        OidcKey::List => {
            let (rows, next) = rows(&cx.client.get(&keys).await?);
            let columns: [Column<'_>; 3] = [
                ("ID", &|row| text(row, "id")),
                ("STATE", &|row| text(row, "state")),
                ("CREATED", &|row| instant(row, "createdAt")),
            ];
            cx.out.list("oidc-key.list", &columns, &rows, &next)
        }
        OidcKey::Add => {
            let made = cx.client.call(Method::POST, &keys, None).await?;
            let (id, state) = (text(&made, "id"), text(&made, "state"));
            cx.out.done("oidc-key.add", &made, &format!("Key {id} is published ({state})."))?;
            if state == "next" {
                cx.out.hint(&format!("a day later: provost oidc key promote {id}{}", cx.again()));
            }
            Ok(())
        }
        OidcKey::Promote { id } => {
            let id = key_id(cx, &id).await?;
            let made = cx.client.call(Method::POST, &format!("{keys}/{}/promote", encoded(&id)), None).await?;
            cx.out.done("oidc-key.promote", &made, &format!("Key {id} signs from now on."))
        }
        OidcKey::Remove { id } => {
            let id = key_id(cx, &id).await?;
            confirm(&format!("take key {id} away: what it signed is no longer believed"), cx.yes)?;
            cx.client.call(Method::DELETE, &format!("{keys}/{}", encoded(&id)), None).await?;
            cx.out.done("oidc-key.remove", &json!({"id": id}), &format!("Key {id} is gone."))
        }
    }
}

async fn client_id(cx: &Cx, start: &str) -> Result<String> {
    Listed::of(cx, "/oidc/clients", "client", "oidc client list").whole_id(cx, start).await
}

async fn key_id(cx: &Cx, start: &str) -> Result<String> {
    Listed::of(cx, "/oidc/keys", "key", "oidc key list").whole_id(cx, start).await
}
