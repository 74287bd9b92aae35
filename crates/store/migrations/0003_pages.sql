-- What the console's pages need: counts of the log, what was dismissed, jobs, links for the other side's administrator.

-- Requests by slots of five minutes: a chart of a month costs the same whatever the traffic was.
create table log_count (
    tenant integer not null,
    slot   integer not null, -- instant divided by five minutes
    class  integer not null, -- 2, 4 or 5: the hundreds of the status; 3xx counts as 2
    bucket integer not null, -- how long it took: quarters of a power of two of microseconds
    count  integer not null,
    primary key (tenant, slot, class, bucket)
) without rowid;

-- Refusals are rare and looked for often.
create index log_failed on log (tenant, seq) where status >= 400;

-- The history of one resource.
create index change_resource on change (tenant, id, seq);

-- A group of refusals that somebody has seen; it comes back with a later one.
create table dismissal (
    tenant integer not null,
    name   text    not null,
    seq    integer not null, -- of the log: up to here
    at     integer not null,
    actor  text    not null,
    primary key (tenant, name)
) without rowid;

create table job (
    id          integer primary key autoincrement,
    tenant      integer not null,
    kind        text    not null,
    label       text    not null,
    input       text    not null, -- JSON
    state       text    not null, -- waiting, running, done, cancelled
    total       integer not null,
    done        integer not null,
    failed      integer not null,
    position    integer not null, -- how far it is: what comes behind it is still to do
    failures    text    not null, -- JSON: the first ones
    created_at  integer not null,
    created_by  text    not null,
    started_at  integer,
    finished_at integer
);
create index job_tenant on job (tenant, id);
create index job_open on job (id) where finished_at is null;

create table setup_link (
    id          text    primary key,
    tenant      integer not null,
    hash        blob    not null unique,
    label       text    not null,
    created_at  integer not null,
    created_by  text    not null,
    expires_at  integer not null,
    revoked_at  integer,
    opened_at   integer,
    opened_from text,
    token       text             -- the token that was made through it: one
) without rowid;
create index setup_link_tenant on setup_link (tenant, created_at);
