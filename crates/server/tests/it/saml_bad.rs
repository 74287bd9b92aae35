//! The hostile messages of the crate `saml`, posted to `/saml/acs`: nobody comes in, the browser is told nothing, and the
//! log has the right reason.

use crate::desk::Desk;
use crate::recipe::{Stage, cases, cook, refused};
use crate::signer;
use axum::body::Body;
use axum::http::Request;
use std::collections::BTreeMap;
use store::{KeyState, LogQuery, SamlConnection, SamlKey, SamlPurpose, SamlRequest, SamlSettings, TenantId};

pub const COOKIE: &str = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";

pub fn sha256(text: &str) -> [u8; 32] {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref().try_into().unwrap()
}

pub fn form(pairs: &[(&str, &str)]) -> String {
    let escaped = |text: &str| {
        text.bytes().fold(String::new(), |mut out, b| {
            if b.is_ascii_alphanumeric() {
                out.push(char::from(b));
            } else {
                out.push_str(&format!("%{b:02X}"));
            }
            out
        })
    };
    pairs.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect::<Vec<_>>().join("&")
}

pub fn posted(path: &str, cookie: &str, pairs: &[(&str, &str)]) -> Request<Body> {
    Request::builder()
        .method("POST")
        .uri(path)
        .header("host", "sp.example.com")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", "https://idp.example.com")
        .header("sec-fetch-site", "cross-site")
        .header("cookie", cookie)
        .body(Body::from(form(pairs)))
        .unwrap()
}

pub async fn tenant(desk: &Desk) -> TenantId {
    desk.app.store().read(|r| r.tenant("default")).await.unwrap().unwrap().id
}

/// Sets the stage of a case: the connection as the case trusts it, the request as this browser made it.
async fn set(desk: &Desk, stage: &Stage, tenant: TenantId) {
    let settings = SamlSettings {
        entity_id: stage.issuer.clone(),
        sign_on_url: "https://idp.example.com/sso".into(),
        certificates: stage.keys.iter().map(|key| signer::certificate(key).base64()).collect(),
        idp_initiated: stage.idp_initiated,
        encrypted_assertions: !stage.decrypt.is_empty(),
        allow_cbc: stage.cbc,
        ..SamlSettings::default()
    };
    let connection = SamlConnection { tenant, id: "default".into(), settings, ..SamlConnection::default() };
    let request = stage.request.as_ref().map(|id| SamlRequest {
        tenant,
        id: id.clone(),
        connection: "default".into(),
        purpose: "sign_in".into(),
        browser: sha256(COOKIE),
        expires_at: stage.request_expires_at,
        ..SamlRequest::default()
    });
    let keys: Vec<SamlKey> = stage
        .decrypt
        .iter()
        .map(|name| SamlKey {
            id: name.clone(),
            state: KeyState::Old,
            certificate: signer::certificate(name).der().to_vec(),
            sealed: desk.app.store().seal("saml sp key", signer::private_key(name).pkcs8()).unwrap(),
            created_at: 1,
        })
        .collect();
    let all = desk.app.store().write(move |w| -> store::Result<()> {
        w.saml_connection_delete(tenant, "default")?;
        w.saml_connection_insert(&connection)?;
        request.iter().try_for_each(|request| w.saml_request_insert(request))?;
        for name in ["sp", "idp", "idp-next", "stranger", "p256"] {
            w.saml_key_delete(tenant, SamlPurpose::ServiceProvider, name)?;
        }
        keys.iter().try_for_each(|key| w.saml_key_insert(tenant, SamlPurpose::ServiceProvider, key))
    });
    all.await.unwrap();
}

#[tokio::test]
async fn every_hostile_message_is_refused_for_its_reason_and_the_browser_hears_none() {
    let desk = Desk::at("https://sp.example.com");
    let tenant = tenant(&desk).await;
    let mut wanted = BTreeMap::new();
    let (mut last, mut turn) = (String::new(), 0);
    let mut wrong = Vec::new();
    let mut folders: Vec<_> = std::fs::read_dir(signer::file("bad")).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    for folder in folders {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(refused(&name).is_some());
        for case in cases(&folder) {
            // The crate tries every case on all of its bases; here they take turns.
            turn += 1;
            let bases = case.bases();
            {
                let base = &bases[turn % bases.len()];
                let stage = cook(&case, base);
                // What there is no connection for cannot be posted to one.
                if stage.kind != "response" || stage.connection().is_err() {
                    continue;
                }
                // Nothing of it is used up by a message that is refused.
                let Stage { issuer, keys, decrypt, cbc, idp_initiated, request, request_expires_at, .. } = &stage;
                let scene = format!("{issuer}{keys:?}{decrypt:?}{cbc}{idp_initiated}{request:?}{request_expires_at}");
                if last != scene {
                    set(&desk, &stage, tenant).await;
                    last = scene;
                }
                let now = desk.clock.now();
                desk.clock.advance(stage.now - now);
                let cookie = format!("__Host-provost-saml={COOKIE}");
                let request = posted("/saml/acs", &cookie, &[("SAMLResponse", &stage.field())]);
                let answer = desk.send(None, request).await;
                let silent = answer.text.contains("Sign-in failed") && !answer.text.contains(&name);
                if answer.status != 403 || !silent || answer.headers.contains_key("set-cookie") {
                    wrong.push(format!("{} on {base}: {}", case.name, answer.status));
                    continue;
                }
                let id = answer.headers["x-request-id"].to_str().unwrap().to_owned();
                assert!(answer.text.contains(&id));
                wanted.insert(id, (name.clone(), format!("{} on {base}", case.name)));
            }
        }
    }
    server::start_workers(&desk.app).stop().await;
    let query = LogQuery { limit: 10_000, want_texts: true, ..LogQuery::default() };
    let entries = desk.app.store().read(move |r| r.log(tenant, &query)).await.unwrap();
    let runs = wanted.len();
    for entry in entries {
        let Some((reason, case)) = wanted.remove(&entry.request_id) else { continue };
        let steps = entry.steps.unwrap_or_default();
        if !steps.contains(&format!("\"refused: {reason}\"")) || entry.code.as_deref() != Some("PRV-2010") {
            wrong.push(format!("{case}: {steps}"));
        }
        assert!(entry.body.is_none() && entry.answer.is_none(), "nothing of a message is logged");
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(wanted.is_empty(), "not in the log: {wanted:?}");
    assert!(runs >= 300, "only {runs}");
}
