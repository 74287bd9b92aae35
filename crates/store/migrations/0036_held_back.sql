-- Who is staged, and who is suspended, without a look at everybody. What was left of people who are gone goes.
delete from lifecycle where not exists
    (select 1 from resource r where r.tenant = lifecycle.tenant and r.id = lifecycle.resource);
create index lifecycle_status on lifecycle (tenant, status, resource);
