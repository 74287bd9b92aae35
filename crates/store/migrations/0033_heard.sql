-- When an identity provider last said something of a resource that was not there yet: with a token, or by signing somebody
-- in for the first time. Nothing: it was never heard of, only made or changed here. Of resources from before this, those that
-- an identity provider has given an id count as heard of.
alter table resource add column heard_at integer;
update resource set heard_at = modified_at where rid in (
    select v.rid from attribute a join attribute_value v on v.tenant = a.tenant and v.attribute = a.id
    where a.path = 'externalid');
create index resource_unheard on resource (tenant, kind, rid) where heard_at is null;

-- When somebody with an ended setup link asked for a new one.
alter table setup_link add column asked_at integer;

-- Which attributes identity providers have sent, when each last came, and such as what: masked.
create table attribute_received (
    tenant  integer not null,
    kind    text    not null, -- the resource type's name
    name    text    not null, -- the full name, in lower case
    at      integer not null,
    example text    not null,
    primary key (tenant, kind, name)
) without rowid;
