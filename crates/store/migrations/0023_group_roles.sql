-- Which roles the people of a group have at the application.
create table group_role (
    tenant     integer not null,
    group_id   text    not null,
    role       text    not null,
    created_at integer not null,
    created_by text    not null,
    primary key (tenant, group_id, role)
) without rowid;
