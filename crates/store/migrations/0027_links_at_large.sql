-- What an app with a million links asks of them all, kept instead of counted, and its end a part at a time.

-- How many links stand where. What a brake asks, the accounts in use, is a sum of these.
create table link_count (
    app      integer not null,
    kind     text    not null,
    standing text    not null,
    active   integer not null,
    tenant   integer not null,
    count    integer not null,
    primary key (app, kind, standing, active)
) without rowid;
insert into link_count (app, kind, standing, active, tenant, count)
    select app, kind, standing, active, tenant, count(*) from link group by app, kind, standing, active, tenant;
drop table account_count;

-- Since when it is being deleted: nobody finds it any more, and what is known of its accounts goes a part at a time.
alter table app add column deleting_at integer;
create index app_deleting on app (deleting_at) where deleting_at is not null;

-- The people of a group that was deleted, for an order to look at them: nobody else knows who they were.
alter table fill add column listed integer not null default 0;
create table fill_person (
    fill   integer not null,
    rid    integer not null,
    tenant integer not null,
    person text    not null,
    primary key (fill, rid)
) without rowid;
