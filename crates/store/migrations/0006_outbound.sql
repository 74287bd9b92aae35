-- The outbound engine: apps, who is assigned to them, what is known of each account, what was sent and answered.
-- A link holds dirt, not messages: it is due when it may be out of date, and what is to be done is decided then.

create table app (
    id           integer primary key autoincrement,
    tenant       integer not null,
    name         text    not null, -- in addresses and expressions
    settings     text    not null, -- JSON: profile, mappings, policy, target, connection
    options      text    not null, -- JSON: how it signs in, schedules, matching, reactions
    credential   blob,             -- sealed
    generation   integer not null, -- goes up with every change
    revision     integer not null, -- goes up when every link may be out of date
    pace         text,             -- JSON: the breaker, kept over a restart
    reconcile_at integer,          -- when the next scan is due
    import_at    integer,          -- when the next import is due
    created_at   integer not null,
    modified_at  integer not null
);
create unique index app_name on app (tenant, name);
create index app_reconcile on app (reconcile_at) where reconcile_at is not null;
create index app_import on app (import_at) where import_at is not null;

create table assignment (
    id         integer primary key autoincrement,
    tenant     integer not null,
    app        integer not null,
    principal  text    not null, -- user, group
    resource   text    not null, -- its id
    priority   integer not null, -- of several groups, the lowest number wins
    profile    text    not null, -- JSON: values by variable name
    created_at integer not null,
    created_by text    not null
);
create unique index assignment_of on assignment (app, principal, resource);
create index assignment_resource on assignment (tenant, resource);

-- One person, or group, at one app. Narrow, because claims and lists go through it; what is known is apart.
create table link (
    id            integer primary key autoincrement,
    tenant        integer not null,
    app           integer not null,
    kind          text    not null, -- user, group
    resource      text    not null, -- the id in the directory; it stays when the person is gone
    remote_id     text,
    display       text,             -- the unique identifier, for people
    standing      text    not null, -- new, linked, waiting, held, parked, dropped, gone
    active        integer not null, -- whether the account is in use
    lane          integer not null, -- 0 leavers, 1 arrivals, 2 changes, 3 backfill
    due_at        integer,          -- null: nothing is to be done
    desired_rev   integer not null, -- goes up when it may be out of date
    applied_rev   integer not null, -- what was decided last
    evaluated_rev integer not null, -- the app's revision that was decided with
    retry         integer not null, -- 1: somebody asked to try again; 2: and to forget what was learned
    leave         text,             -- of a group that is pushed no longer: delete, keep; null is what the policy says
    begun         text,             -- what is being done, written before it is sent
    cause         text,             -- why somebody should look; links with one cause are one task
    detail        text,             -- JSON: the same at length
    lease_by      text,
    lease_until   integer,
    fence         integer not null, -- goes up with every claim
    caused_at     integer,
    seen_run      integer not null, -- the last scan that saw the account
    changed_at    integer not null
);
create unique index link_resource on link (app, kind, resource);
create unique index link_remote on link (app, kind, remote_id) where remote_id is not null;
create index link_due on link (app, lane, due_at) where due_at is not null;
create index link_stale on link (app, evaluated_rev, id);
create index link_cause on link (app, cause, id) where cause is not null;
create index link_lease on link (lease_by) where lease_by is not null;
create index link_of on link (tenant, resource);
create index link_list on link (app, kind, id);
create index link_standing on link (app, kind, standing, active);

create table link_state (
    link   integer primary key,
    tenant integer not null,
    state  text    not null -- JSON: the last agreed document, lessons, lookups, doubt
);

-- Which links wait until somebody has an account: managers, members.
create table link_wait (
    app    integer not null,
    person text    not null,
    link   integer not null,
    tenant integer not null,
    primary key (app, person, link)
) without rowid;
create index link_wait_link on link_wait (link);

-- Members of a pushed group as they are known to be at the target; blocked ones it does not take.
create table member_link (
    link      integer not null,
    remote_id text    not null,
    tenant    integer not null,
    blocked   integer not null,
    primary key (link, remote_id)
) without rowid;

create table push_group (
    id       integer primary key autoincrement,
    tenant   integer not null,
    app      integer not null,
    resource text    not null, -- the group's id
    rule     integer,          -- the rule that chose it
    name     text,             -- its name at the app; null is its own
    mode     text    not null, -- create, link
    active   integer not null,
    created_at integer not null
);
create unique index push_group_of on push_group (app, resource);

create table push_rule (
    id     integer primary key autoincrement,
    tenant integer not null,
    app    integer not null,
    rule   text    not null -- JSON
);
create index push_rule_app on push_rule (app);

-- How far the change feed was followed.
create table feed_cursor (
    tenant integer primary key,
    seq    integer not null
);

-- Links of a group's people that are still to be made or looked at: a few hundred at a time.
create table fill (
    id         integer primary key autoincrement,
    tenant     integer not null,
    app        integer not null,
    group_id   text    not null,
    lane       integer not null,
    make       integer not null, -- whether links that are not there are made
    position   integer not null  -- the last member that was done
);

-- What was sent and what was answered, without secrets.
create table exchange (
    id       integer primary key autoincrement,
    tenant   integer not null,
    app      integer not null,
    link     integer,
    resource text,
    at       integer not null,
    took_us  integer not null,
    action   text    not null, -- probe, create, update, deactivate, delete, test, scan
    method   text    not null,
    path     text    not null,
    request  text,
    status   integer,          -- null: no answer
    response text,             -- the answer, or how it was lost
    outcome  text    not null
);
create index exchange_app on exchange (app, id);
create index exchange_link on exchange (link, id) where link is not null;
create index exchange_at on exchange (at);

-- Destruction that was done, for the brakes.
create table destruction (
    id     integer primary key autoincrement,
    tenant integer not null,
    app    integer not null,
    metric text    not null,
    link   integer not null,
    count  integer not null,
    at     integer not null
);
create index destruction_app on destruction (app, metric, at);
create index destruction_link on destruction (link, metric);

create table approval (
    id         integer primary key autoincrement,
    tenant     integer not null,
    app        integer not null,
    links      text    not null, -- JSON: ids
    expires_at integer not null,
    created_at integer not null,
    created_by text    not null
);
create index approval_app on approval (app, expires_at);

-- Scans of an app: reconciliation and import.
create table run (
    id          integer primary key autoincrement,
    tenant      integer not null,
    app         integer not null,
    kind        text    not null, -- reconcile, import
    mode        text    not null, -- full, incremental
    state       text    not null, -- waiting, running, stopped, done, failed, cancelled
    position    text    not null, -- JSON: how far it is
    counts      text    not null, -- JSON: what was found
    error       text,
    created_at  integer not null,
    created_by  text    not null,
    started_at  integer,
    finished_at integer,
    lease_by    text,
    lease_until integer
);
create index run_app on run (app, id);
create index run_open on run (id) where finished_at is null;

create table run_item (
    id        integer primary key autoincrement,
    tenant    integer not null,
    run       integer not null,
    kind      text    not null, -- user, group
    remote_id text    not null,
    verdict   text    not null, -- one word: drifted, missing, orphaned …; exact, partial, new …
    detail    text    not null, -- JSON
    resource  text,             -- whose it is, or whose it could be
    decided   text              -- confirmed, ignored, done; null: somebody has to look
);
create index run_item_run on run_item (run, verdict, id);
create unique index run_item_remote on run_item (run, kind, remote_id);

-- Where people stand when it is not what `active` says: staged, suspended.
create table lifecycle (
    tenant   integer not null,
    resource text    not null,
    status   text    not null,
    at       integer not null,
    primary key (tenant, resource)
) without rowid;
