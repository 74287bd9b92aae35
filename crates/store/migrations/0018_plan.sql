-- Changes of apps that are looked at before they are made: what would be done, what it was made from, and who agreed.

create table plan (
    id          integer primary key autoincrement,
    tenant      integer not null,
    title       text    not null,
    state       text    not null, -- waiting, approved, applied, dropped
    steps       text    not null, -- JSON: what is done, in order
    base        text    not null, -- JSON: digests of what it was made from; when these have changed it is not done
    effect      text    not null, -- JSON: what it would do to people, as it was found then
    created_at  integer not null,
    created_by  text    not null,
    decided_at  integer,          -- approved or dropped
    decided_by  text,
    applied_at  integer,
    applied_by  text
);
create index plan_tenant on plan (tenant, id);
