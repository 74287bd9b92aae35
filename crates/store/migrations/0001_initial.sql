-- The first schema. Every key starts with the tenant, so that one tenant's rows lie together and a
-- query cannot leave its tenant by accident. Instants are microseconds since 1970, UTC.

create table tenant (
    id          integer primary key autoincrement, -- never used again, so nothing old can turn up in a new tenant
    name        text    not null unique,
    created_at  integer not null,
    settings    text    not null,                  -- JSON
    definitions text    not null,                  -- JSON: custom schemas and resource types
    generation  integer not null                   -- goes up with every change of the two above
);

-- How many resources there are of a type: totalResults of an unfiltered list is one lookup.
create table resource_count (
    tenant integer not null,
    kind   text    not null,
    count  integer not null,
    primary key (tenant, kind)
) without rowid;

-- What lists, members and filters look at, kept narrow; the document is apart.
create table resource (
    rid          integer primary key autoincrement, -- grows, so that a cursor by rid never misses a newer resource
    tenant       integer not null,
    kind         text    not null,                  -- the resource type's name
    id           text    not null,                  -- lower-case ASCII, unique in the tenant over all types
    version      integer not null,
    created_at   integer not null,
    modified_at  integer not null,
    display      text,                              -- what members, groups and managers are shown as
    display_key  text,                              -- the same, folded
    member_count integer not null
);
create unique index resource_id on resource (tenant, id);
create index resource_kind on resource (tenant, kind, rid);
create index resource_created on resource (tenant, kind, created_at, rid);
create index resource_modified on resource (tenant, kind, modified_at, rid);

create table document (
    rid           integer primary key,
    head          blob not null, -- the bytes that a GET shows, without manager, groups, members and meta
    asked         blob,          -- attributes of which a part is returned on request alone, whole
    hidden        blob,          -- attributes of which a part is never returned, whole
    manager_at    integer,       -- where in head the manager goes
    manager_comma integer        -- 0 none, 1 before it, 2 behind it
);

-- Names of indexed attributes, so that an index row holds a small number. `path` is the lower-case full
-- name of a leaf; `name#empty` marks elements without any value. Rows go only with their tenant.
create table attribute (
    id     integer primary key autoincrement,
    tenant integer not null,
    kind   text    not null,
    path   text    not null,
    unique (tenant, kind, path)
);

-- Values of attributes with uniqueness server or global; the primary key refuses the second holder.
create table unique_value (
    tenant    integer not null,
    attribute integer not null,
    value     text    not null,
    rid       integer not null,
    primary key (tenant, attribute, value)
) without rowid;

-- All other values that a filter can ask for. `value` is the text that comparison is defined by; ''
-- stands for a value that has none. `element` says which entry of a list the value is a part of; 0 is
-- the primary entry, or the first.
create table attribute_value (
    tenant    integer not null,
    attribute integer not null,
    value     text    not null,
    rid       integer not null,
    element   integer not null,
    primary key (tenant, attribute, value, rid, element)
) without rowid;

create table member (
    tenant     integer not null,
    group_rid  integer not null,
    member_rid integer not null,
    primary key (tenant, group_rid, member_rid)
) without rowid;
create unique index member_reverse on member (tenant, member_rid, group_rid);

-- The manager as it was sent, and whom it means. `raw_key` is it folded: by it links are found again when
-- somebody with that id, userName, e-mail … arrives, changes or leaves.
create table manager_link (
    rid         integer primary key,
    tenant      integer not null,
    raw         text    not null,
    raw_key     text    not null,
    manager_rid integer
);
create index manager_link_raw on manager_link (tenant, raw_key, manager_rid);
create index manager_link_manager on manager_link (tenant, manager_rid);

-- Who was here: the id comes back with the externalId.
create table tombstone (
    tenant      integer not null,
    kind        text    not null,
    id          text    not null,
    external_id text,
    version     integer not null, -- the returning resource goes on from here, so no entity tag is seen twice
    deleted_at  integer not null,
    primary key (tenant, id)
) without rowid;
create index tombstone_external on tombstone (tenant, kind, external_id, deleted_at);

create table change_seq (
    tenant integer primary key,
    last   integer not null
);
create table change (
    tenant        integer not null,
    seq           integer not null, -- dense and in the order of the commits
    kind          text    not null,
    resource_type text    not null,
    id            text    not null,
    at            integer not null,
    actor         text    not null,
    what          text    not null, -- JSON
    primary key (tenant, seq)
) without rowid;

create table log (
    seq           integer primary key,
    tenant        integer not null,
    at            integer not null,
    took_us       integer not null,
    method        text    not null,
    path          text    not null,
    status        integer not null,
    code          text,
    actor         text    not null,
    remote        text,
    user_agent    text,
    request_id    text    not null,
    resource_type text,
    resource_id   text,
    body          text,
    answer        text,
    steps         text,
    diff          text,
    bytes         integer not null  -- of the texts, for the limit by size
);
create index log_tenant on log (tenant, seq);
create index log_resource on log (tenant, resource_id, seq) where resource_id is not null;
create table log_size (
    tenant integer primary key,
    bytes  integer not null
);

create table token (
    id              text    primary key,
    tenant          integer,          -- null: an administrator's
    label           text    not null,
    hint            text    not null, -- the first characters, to tell tokens apart
    scope           text    not null, -- JSON
    hash            blob    not null unique,
    created_at      integer not null,
    expires_at      integer,
    revoked_at      integer,
    rotated_to      text,
    last_used_at    integer,
    last_used_from  text,
    last_used_agent text
) without rowid;
create index token_tenant on token (tenant, created_at);
