-- What a brake asks of an app, kept instead of counted: one who leaves costs the same among ten people and a million.

-- Accounts of people that are in use, of each app that ever had one.
create table account_count (
    app    integer primary key,
    tenant integer not null,
    active integer not null
);
insert into account_count (app, tenant, active)
    select app, tenant, count(*) from link where kind = 'user' and active = 1 group by app, tenant;

-- The sum of all notes of an app and a metric up to this one: what lies between two of them is a difference.
alter table destruction add column total integer not null default 0;
update destruction set total = summed.total from
    (select id, sum(count) over (partition by app, metric order by at, id) as total from destruction) as summed
    where summed.id = destruction.id;
drop index destruction_app;
create index destruction_app on destruction (app, metric, at, id);

-- Until when a brake lets this one through. The table of approvals is not read any more; it stays for nodes of the release
-- before this one.
alter table link add column approved_until integer;
