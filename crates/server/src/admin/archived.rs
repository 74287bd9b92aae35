//! Custom fields that are put away: nobody sends or is shown them, their values stay, and both come back together.

use super::attributes::{Named, begin, going};
use super::{audited, indexes, missing, tenant_of};
use crate::app::App;
use crate::auth::Actor;
use crate::error::{Error, Result};
use crate::tenants::TenantState;
use scim::{Attribute, Code, Returned};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Archived, Job};

/// Values of an archived field that are shown where they do not fit another type.
const EXAMPLES_MAX: usize = 20;

/// As what a field comes back: as what it was, if nobody says otherwise.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct As {
    /// The type.
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    /// Whether it is a list.
    pub(crate) multi_valued: Option<bool>,
    /// Values that do not fit are left out for good.
    pub(crate) leave_out: bool,
}

/// What would become of the values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fit {
    /// How many fit.
    pub(crate) fit: u64,
    /// How many do not.
    pub(crate) unfit: u64,
    /// The first of those: whose it is, and the value.
    pub(crate) examples: Vec<(String, Value)>,
}

impl Fit {
    /// As the admin API shows it.
    pub(crate) fn row(&self) -> Value {
        let examples: Vec<Value> = self.examples.iter().map(|(id, value)| json!({"id": id, "value": value})).collect();
        json!({"fit": self.fit, "unfit": self.unfit, "examples": examples})
    }
}

/// The fields that are put away, also those that are on their way back.
pub(crate) fn list(state: &TenantState) -> &[Archived] {
    &state.tenant.definitions.archived
}

/// The field of this full value that is put away.
pub(crate) fn find<'a>(state: &'a TenantState, value: &str) -> Result<&'a Archived> {
    let found = state.tenant.definitions.archived(value);
    found.ok_or_else(|| missing("no field of this value is archived; see: provost attribute archived"))
}

/// How many people, or other resources, have a value of it.
pub(crate) async fn count(app: &App, state: &TenantState, field: &Archived) -> Result<u64> {
    let (tenant, number) = (state.tenant.id, field.number);
    Ok(app.store().read(move |r| r.archived_count(tenant, number)).await?)
}

/// A field as the admin API shows it.
pub(crate) async fn row(app: &App, state: &TenantState, field: &Archived) -> Result<Value> {
    let named = Named {
        resource_type: field.resource_types.first().cloned().unwrap_or_default(),
        value: field.value(),
        namespace: field.schema.id.clone(),
        custom: true,
        made_at: state.tenant.definitions.made.get(&field.value()).copied(),
        accepted: false,
        job: state.tenant.definitions.index(&field.value()).and_then(|index| index.job),
        attribute: field.attribute.clone(),
        form: state.tenant.definitions.form(&field.value(), &field.attribute).cloned().unwrap_or_default(),
    };
    let mut row = named.row();
    if let Some(map) = row.as_object_mut() {
        map.insert("archivedAt".into(), scim::meta::rfc3339(field.at).into());
        map.insert("archivedBy".into(), field.by.as_str().into());
        map.insert("values".into(), count(app, state, field).await?.into());
    }
    Ok(row)
}

/// The values that a resource has of fields that are put away; those that nobody is shown as nothing.
pub(crate) async fn of_resource(app: &App, state: &TenantState, id: &str) -> Result<Vec<(Archived, Value)>> {
    if state.tenant.definitions.archived.is_empty() {
        return Ok(Vec::new());
    }
    let (tenant, of) = (state.tenant.id, id.to_owned());
    let values = app.store().read(move |r| r.archived_of(tenant, &of)).await?;
    let field = |number: i64| list(state).iter().find(|field| field.number == number).cloned();
    let shown = |field: &Archived, value| if field.attribute.returned == Returned::Never { Value::Null } else { value };
    Ok(values
        .into_iter()
        .filter_map(|(number, value)| field(number).map(|field| (shown(&field, value), field)))
        .map(|(value, field)| (field, value))
        .collect())
}

/// Puts a custom field away by its full value; answers the job that does, or did.
pub(crate) async fn archive(app: &App, actor: &Actor, tenant: &str, value: &str) -> Result<Job> {
    let state = tenant_of(app, tenant)?;
    let attribute = going(&state, value)?;
    let line = ("attribute.archive", format!("{tenant}/attribute/{value}"), json!({}));
    let (by, before) = (indexes::by(app, actor), state.tenant.clone());
    let begun = audited(app, actor, line, move |w| Ok(w.archive_begin(&before, &attribute, &by)?)).await?;
    begin(app, &state, begun).await
}

/// What would become of the values if the field came back so.
pub(crate) async fn preview(app: &App, tenant: &str, value: &str, wanted: &As) -> Result<Fit> {
    let state = tenant_of(app, tenant)?;
    let field = find(&state, value)?;
    fit(app, &state, field, &definition(field, wanted)?).await
}

async fn fit(app: &App, state: &TenantState, field: &Archived, definition: &Attribute) -> Result<Fit> {
    let (tenant, number) = (state.tenant.id, field.number);
    let (mut found, mut after) = (Fit::default(), Some(0));
    while let Some(place) = after {
        let definition = definition.clone();
        let part = app.store().read(move |r| r.archived_fit(tenant, number, &definition, place)).await?;
        found.fit += part.fit;
        found.unfit += part.unfit.len() as u64;
        let room = EXAMPLES_MAX.saturating_sub(found.examples.len());
        let is_shown = field.attribute.returned != Returned::Never;
        found.examples.extend(
            part.unfit.into_iter().take(room).map(|(id, value)| (id, if is_shown { value } else { Value::Null })),
        );
        after = part.last;
    }
    Ok(found)
}

/// Brings a field back with its values; answers the job that does, or did. A value that does not fit another type refuses
/// it before anything is changed, unless such values are to be left out.
pub(crate) async fn restore(app: &App, actor: &Actor, tenant: &str, value: &str, wanted: &As) -> Result<Job> {
    let state = tenant_of(app, tenant)?;
    let field = find(&state, value)?.clone();
    let definition = definition(&field, wanted)?;
    indexes::is_free(&state.tenant.definitions, &field.value())?;
    if let Some(gone) =
        field.resource_types.iter().find(|name| state.named(name).is_none() && *name != "User" && *name != "Group")
    {
        let detail =
            format!("the resource type {gone} that had this field is gone; make it again, or delete the field");
        return Err(Error::new(Code::IN_USE, detail));
    }
    if definition != field.attribute && !wanted.leave_out {
        let unfit = fit(app, &state, &field, &definition).await?.unfit;
        if unfit > 0 {
            let detail = format!(
                "{unfit} of the values {} not fit this type; restore the field as it was, or leave them out (leaveOut)",
                if unfit == 1 { "does" } else { "do" }
            );
            return Err(scim::Error::invalid_value(detail).into());
        }
    }
    let detail = json!({"type": wanted.kind, "multiValued": wanted.multi_valued, "leaveOut": wanted.leave_out});
    let line = ("attribute.restore", format!("{tenant}/attribute/{value}"), detail);
    let (by, before) = (indexes::by(app, actor), state.tenant.clone());
    let begun = audited(app, actor, line, move |w| Ok(w.restore_begin(&before, &field, definition, &by)?)).await?;
    begin(app, &state, begun).await
}

/// What the field will be. Rules that go with texts alone stay with texts.
fn definition(field: &Archived, wanted: &As) -> Result<Attribute> {
    let was = &field.attribute;
    let mut whole = was.to_json();
    let Some(map) = whole.as_object_mut() else { return Ok(was.clone()) };
    if let Some(kind) = &wanted.kind {
        map.insert("type".into(), kind.as_str().into());
    }
    if let Some(many) = wanted.multi_valued {
        map.insert("multiValued".into(), many.into());
    }
    let keeps_type = wanted.kind.is_none() || map.get("type") == was.to_json().get("type");
    if keeps_type && map.get("multiValued") == was.to_json().get("multiValued") {
        return Ok(was.clone());
    }
    if !keeps_type {
        for name in ["caseExact", "canonicalValues", "referenceTypes"] {
            map.remove(name);
        }
    }
    let mut new = Attribute::from_json(&whole)?;
    if new.is_complex() != was.is_complex() {
        return Err(scim::Error::invalid_value("a field with parts stays one, and others stay without").into());
    }
    if keeps_type {
        (new.length_min, new.length_max) = (was.length_min, was.length_max);
    }
    Ok(new)
}

/// Deletes a field that is put away, with every value of it; answers the job that does, or did.
pub(crate) async fn forget(app: &App, actor: &Actor, tenant: &str, value: &str) -> Result<Job> {
    let state = tenant_of(app, tenant)?;
    let field = find(&state, value)?.clone();
    indexes::is_free(&state.tenant.definitions, &field.value())?;
    let values = count(app, &state, &field).await?;
    let line = ("attribute.delete", format!("{tenant}/attribute/{value}"), json!({"values": values}));
    let (by, before) = (indexes::by(app, actor), state.tenant.clone());
    let begun = audited(app, actor, line, move |w| Ok(w.forget_begin(&before, &field, &by)?)).await?;
    begin(app, &state, begun).await
}
