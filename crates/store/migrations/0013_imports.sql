-- Files of people that an operator brings to the console, in parts, until they were imported; and what a job could not do.

create table import_file (
    tenant     integer not null,
    id         text    not null,
    name       text    not null,
    header     text    not null, -- JSON: the names of its columns, as they stand there
    delimiter  text    not null, -- what is between two cells
    records    integer not null,
    created_at integer not null,
    created_by text    not null,
    primary key (tenant, id)
) without rowid;

create table import_part (
    tenant  integer not null,
    file    text    not null,
    part    integer not null, -- 0, 1, 2 …
    line    integer not null, -- of the file, on which its first record begins
    sealed  blob    not null, -- the rows as they came; there may be passwords in them
    primary key (tenant, file, part)
) without rowid;

create table job_failure (
    tenant  integer not null,
    job     integer not null,
    number  integer not null, -- in their order
    failure text    not null, -- JSON
    primary key (tenant, job, number)
) without rowid;

alter table job add column counts text not null default '{}'; -- JSON: what a job counts besides
