//! Whom an assertion means, whether they may come in, and their session.
//!
//! Everything that has to hold together is one transaction: the assertion is taken for the first time, the request is
//! answered, the person is there (or made, where *Auto create user* is on, by the use case that SCIM creates with), is
//! active, has a session, and the log says so.

use super::denied::Denied;
use super::page::actor;
use crate::answer::Answer;
use crate::auth::Operation;
use crate::error::{Error, Result};
use crate::person::{Proof, Visit, begin, users};
use crate::record::{self, Trace};
use crate::scim::{Asked, Cx, join};
use ::saml::VerifiedAssertion;
use axum::http::HeaderValue;
use scim::{Code, PatchOp, Resource, ResourceType};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Reader, SamlConnection, SamlMatch, SamlRequest, SamlSession, SamlSettings, Stored, TenantId, Writer};

/// A good assertion, where it came by, and the request that it answers.
pub(super) struct Arrival {
    pub(super) connection: SamlConnection,
    pub(super) assertion: VerifiedAssertion,
    pub(super) answered: Option<SamlRequest>,
}

/// Begins a session for whom the assertion means: its cookie, and where to go on to.
pub(super) async fn sign_in(
    visit: &Visit,
    asked: &Arc<Asked>,
    trace: &mut Trace,
    arrival: Arrival,
) -> Result<(HeaderValue, String)> {
    let cx = Cx {
        app: visit.app.clone(),
        tenant: Arc::clone(&visit.tenant),
        actor: Arc::new(actor(&arrival.connection.id)),
        base: visit.app.base_url(&visit.tenant, &visit.headers)?.into(),
        now: visit.now,
        asked: Arc::clone(asked),
        rehearsal: false,
    };
    let target = arrival.answered.as_ref().map(|request| request.target.clone());
    let target = target.unwrap_or_else(|| format!("{}/me", visit.tenant.root()));
    let users = Arc::clone(users(&visit.tenant)?);
    // The cookie is made before the person is known: a session's name says nothing about whose it is.
    let (mut session, cookie) = begin(&visit.app, &visit.tenant, proof(&arrival, visit.now), &visit.origin, visit.now)?;
    record::write(&cx, trace, move |w, cx, trace| {
        take(w, cx, trace, &arrival)?;
        let person = person(w, cx, trace, &users, &arrival)?;
        trace.resource(&users, &person.id);
        session.person = person.id;
        if !w.person_session_insert(&users, &session)? {
            return Err(Denied::PersonInactive.refuse(trace));
        }
        trace.step("signed in");
        Ok(Answer::empty(303))
    })
    .await?;
    Ok((cookie, target))
}

fn proof(arrival: &Arrival, now: i64) -> Proof {
    let (settings, assertion) = (&arrival.connection.settings, &arrival.assertion);
    let minutes = now.saturating_add(i64::from(settings.session_minutes).saturating_mul(60_000_000));
    let name_id = assertion.name_id();
    let about = json!({
        "format": name_id.format,
        "nameQualifier": name_id.name_qualifier,
        "spNameQualifier": name_id.sp_name_qualifier,
    });
    Proof {
        person: String::new(),
        method: "saml",
        authenticated_at: assertion.authenticated_at(),
        ends_at: Some(assertion.session_ends_at().map_or(minutes, |end| end.min(minutes))),
        saml: Some(SamlSession {
            connection: arrival.connection.id.clone(),
            name_id: name_id.value.clone(),
            name_id_about: about.to_string(),
            session_index: assertion.session_index().map(str::to_owned),
        }),
    }
}

/// Neither the assertion nor the request counts a second time, and the connection is still what it was judged by.
fn take(w: &mut Writer, cx: &Cx, trace: &mut Trace, arrival: &Arrival) -> Result<()> {
    let (tenant, id) = (cx.tenant.tenant.id, &arrival.connection.id);
    let version = w.saml_connection(tenant, id)?.map(|now| now.version);
    if version != Some(arrival.connection.version) {
        return Err(Denied::ConnectionOff.refuse(trace));
    }
    let assertion = &arrival.assertion;
    if !w.saml_replay_insert(tenant, id, assertion.id(), assertion.expires_at())? {
        return Err(Denied::Replayed.refuse(trace));
    }
    match &arrival.answered {
        Some(request) if !w.saml_request_take(tenant, &request.id)? => Err(Denied::Replayed.refuse(trace)),
        _ => Ok(()),
    }
}

fn person(w: &mut Writer, cx: &Cx, trace: &mut Trace, users: &Arc<ResourceType>, arrival: &Arrival) -> Result<Stored> {
    let settings = &arrival.connection.settings;
    match look_up(w, cx.tenant.tenant.id, users, settings, &arrival.assertion)? {
        Ok(person) => {
            trace.resource(users, &person.id);
            if person.is_active() { Ok(person) } else { Err(Denied::PersonInactive.refuse(trace)) }
        }
        Err(Denied::PersonUnknown) if settings.auto_create => create(w, cx, trace, users, settings, &arrival.assertion),
        Err(why) => Err(why.refuse(trace)),
    }
}

/// The value that people are recognised by.
fn called<'a>(settings: &'a SamlSettings, assertion: &'a VerifiedAssertion) -> std::result::Result<&'a str, Denied> {
    let Some(attribute) = &settings.match_attribute else { return Ok(&assertion.name_id().value) };
    let mut values = assertion.values(attribute);
    match (values.next().map(str::trim), values.next()) {
        (Some(value), None) if !value.is_empty() => Ok(value),
        _ => Err(Denied::NoName),
    }
}

/// The one person of the directory who is called so, whatever else may be said of them.
fn look_up(
    r: &Reader,
    tenant: TenantId,
    users: &ResourceType,
    settings: &SamlSettings,
    assertion: &VerifiedAssertion,
) -> Result<std::result::Result<Stored, Denied>> {
    let called = match called(settings, assertion) {
        Ok(called) => called,
        Err(why) => return Ok(Err(why)),
    };
    let path = match settings.match_by {
        SamlMatch::UserName => "userName",
        SamlMatch::ExternalId => "externalId",
        SamlMatch::Email => "emails",
        SamlMatch::Id => "id",
    };
    let mut found = r.find_by(tenant, users, path, called)?;
    let person = match (found.pop(), found.pop()) {
        (Some(person), None) => person,
        (None, _) => return Ok(Err(Denied::PersonUnknown)),
        _ => return Ok(Err(Denied::SeveralPersons)),
    };
    let names = names(called, &person.resource);
    Ok(if is_at_home(settings, &names) { Ok(person) } else { Err(Denied::Domain) })
}

/// The names of a person that have a domain: what they are called, or else their addresses and login.
fn names(called: &str, resource: &Resource) -> Vec<String> {
    if called.contains('@') {
        return vec![called.to_owned()];
    }
    let emails = resource.attributes.get("emails").and_then(Value::as_array).into_iter().flatten();
    let emails = emails.filter_map(|email| email.get("value").and_then(Value::as_str));
    let login = resource.attributes.get("userName").and_then(Value::as_str);
    emails.chain(login).filter(|name| name.contains('@')).map(str::to_owned).collect()
}

/// Whether every one of these names is in an allowed domain, and there is one; everybody is where no domain is named.
fn is_at_home(settings: &SamlSettings, names: &[String]) -> bool {
    let allowed = |name: &String| {
        let domain = name.rsplit_once('@').map(|(_, domain)| domain).unwrap_or_default();
        settings.domains.iter().any(|one| one.eq_ignore_ascii_case(domain))
    };
    settings.domains.is_empty() || (!names.is_empty() && names.iter().all(allowed))
}

/// *Auto create user*: somebody new, out of the assertion. Never takes over an account that is there: whether one is
/// that person's nobody vouched for.
fn create(
    w: &mut Writer,
    cx: &Cx,
    trace: &mut Trace,
    users: &Arc<ResourceType>,
    settings: &SamlSettings,
    assertion: &VerifiedAssertion,
) -> Result<Stored> {
    let called = called(settings, assertion).map_err(|why| why.refuse(trace))?;
    let made = cx.may(users, Operation::Create).and_then(|()| newcomer(users, settings, assertion, called, cx));
    let made = made.and_then(|new| {
        let home = names(called, &new);
        let all = names("", &new);
        if is_at_home(settings, &home) && (all.is_empty() || is_at_home(settings, &all)) {
            join(w, cx, trace, users, new)
        } else {
            Err(Error::new(Code::SAML_REFUSED, Denied::Domain.name()))
        }
    });
    match made {
        Ok(person) => {
            trace.step("made by Auto create user");
            Ok(person)
        }
        Err(error) => {
            let told = error.to_scim(&cx.asked.request_id);
            match told.code {
                Code::SAML_REFUSED => Err(Denied::Domain.refuse(trace)),
                _ if told.status >= 500 => Err(error),
                _ => Err(Denied::CannotCreate(told.detail).refuse(trace)),
            }
        }
    }
}

/// What the assertion says of somebody, as a resource: the mapped attributes, and what they are called.
fn newcomer(
    users: &ResourceType,
    settings: &SamlSettings,
    assertion: &VerifiedAssertion,
    called: &str,
    cx: &Cx,
) -> Result<Resource> {
    let own = match settings.match_by {
        SamlMatch::UserName => ("userName", called),
        SamlMatch::ExternalId => ("externalId", called),
        SamlMatch::Email => ("emails[type eq \"work\"].value", called),
        SamlMatch::Id => return Err(scim::Error::invalid_value("an id cannot be chosen").into()),
    };
    let login = ("userName", assertion.name_id().value.as_str());
    let mapped = settings.attributes.iter().filter_map(|attribute| {
        let value = assertion.values(&attribute.name).next().filter(|value| !value.is_empty())?;
        Some((attribute.path.as_str(), value))
    });
    // What they are recognised by comes last: no mapping may say otherwise.
    let all = std::iter::once(login).chain(mapped).chain(std::iter::once(own));
    let operations: Vec<Value> = all.map(|(path, value)| json!({"op": "add", "path": path, "value": value})).collect();
    let patch = PatchOp::parse(
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}),
        cx.dialect(),
    )?;
    let mut empty = Resource::default();
    empty.attributes.insert("active".to_owned(), Value::Bool(true));
    let new = patch.apply(&empty, users, cx.dialect())?.resource;
    new.check(users)?;
    Ok(new)
}

/// What would come of it, for a test: nothing is made, nobody is signed in.
pub(super) async fn rehearse(
    visit: &Visit,
    connection: &SamlConnection,
    assertion: &VerifiedAssertion,
) -> Result<std::result::Result<String, Denied>> {
    let (tenant, users) = (visit.tenant.tenant.id, Arc::clone(users(&visit.tenant)?));
    let (settings, assertion) = (connection.settings.clone(), assertion.clone());
    let found = visit.app.store().read(move |r| look_up(r, tenant, &users, &settings, &assertion)).await?;
    Ok(match found {
        Ok(person) if !person.is_active() => Err(Denied::PersonInactive),
        Ok(person) => {
            let name = person.resource.attributes.get("userName").and_then(Value::as_str).unwrap_or(&person.id);
            Ok(format!("{name} would be signed in"))
        }
        Err(Denied::PersonUnknown) if connection.settings.auto_create => {
            Ok("nobody is called this yet: they would be made and signed in".to_owned())
        }
        Err(why) => Err(why),
    })
}
