-- How many resources lie in stretches of rows: a page far behind is found without counting what is before it.
create table resource_block (
    tenant    integer not null,
    kind      text    not null,
    level     integer not null, -- 1: up to 256 resources; 2: 256 blocks of level 1
    first_rid integer not null,
    end_rid   integer not null, -- the row behind the last one
    count     integer not null, -- of those that are still there
    primary key (tenant, kind, level, first_rid)
) without rowid;

-- The block that is being filled, and the first row and the number of blocks of the wide one that is.
alter table resource_count add column open_first integer not null default 0;
alter table resource_count add column open_count integer not null default 0;
alter table resource_count add column wide_first integer not null default 0;
alter table resource_count add column wide_blocks integer not null default 0;

insert into resource_block (tenant, kind, level, first_rid, end_rid, count)
select tenant, kind, 1, min(rid), max(rid) + 1, count(*) from (
    select tenant, kind, rid, (row_number() over (partition by tenant, kind order by rid) - 1) / 256 as block
    from resource) as r
group by tenant, kind, block;
insert into resource_block (tenant, kind, level, first_rid, end_rid, count)
select tenant, kind, 2, min(rid), max(rid) + 1, count(*) from (
    select tenant, kind, rid, (row_number() over (partition by tenant, kind order by rid) - 1) / 65536 as block
    from resource) as r
group by tenant, kind, block;
update resource_count set open_first = coalesce((select max(end_rid) from resource_block b
    where b.tenant = resource_count.tenant and b.kind = resource_count.kind), 0);
update resource_count set wide_first = open_first;

-- Who has no value of what lists are sorted by: rows of an attribute whose name ends in #none.
insert into attribute (tenant, kind, path)
select c.tenant, c.kind, p.path || '#none' from resource_count c join (
    select 'User' as kind, 'displayname' as path union all select 'User', 'externalid' union all
    select 'User', 'name.familyname' union all select 'User', 'name.givenname' union all
    select 'User', 'emails.value' union all select 'Group', 'externalid') p on p.kind = c.kind;
insert into attribute_value (tenant, attribute, value, rid, element)
select tenant, id, '', rid, 0 from (
    select n.tenant, n.id, r.rid from attribute n join resource r on r.tenant = n.tenant and r.kind = n.kind
    where n.path like '%#none'
    except
    select n.tenant, n.id, v.rid from attribute n
    join attribute a on a.tenant = n.tenant and a.kind = n.kind and a.path || '#none' = n.path
    join attribute_value v on v.tenant = a.tenant and v.attribute = a.id
    where n.path like '%#none' and v.element = 0 and v.value <> '') as x;
