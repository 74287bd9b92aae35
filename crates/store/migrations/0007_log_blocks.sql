-- Reads come by the thousand and say little: their log entries lie together, a row for each batch of them.
create table log_block (
    tenant  integer not null,
    first   integer not null, -- number of its oldest entry; blocks of a tenant do not overlap
    last    integer not null, -- number of its newest entry
    last_at integer not null, -- when the newest request came
    bytes   integer not null, -- for the limit by size
    entries text    not null, -- JSON: an array of entries in the order of their numbers
    primary key (tenant, first)
);
