-- Entries of changes lie together as well, those of one commit: a row for some dozens of them. What they are about is found
-- through the change feed, whose rows the same commit wrote. Entries that have rows of their own keep them.
create table log_pack (
    tenant       integer not null,
    first        integer not null, -- number of its oldest entry; packs of a tenant do not overlap
    last         integer not null, -- number of its newest entry
    last_at      integer not null, -- when the newest request came
    change_first integer not null, -- the changes of the commit; those of other commits do not lie between them
    change_last  integer not null,
    bytes        integer not null, -- for the limit by size
    heads        blob    not null, -- the entries without their texts
    said         blob    not null, -- their texts, in the same order
    primary key (tenant, first)
);
create index log_pack_change on log_pack (tenant, change_first);
