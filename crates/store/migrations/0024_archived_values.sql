-- Values of custom fields that are put away: beside the resources, where no definition knows them.
create table archived_value (
    tenant  integer not null,
    archive integer not null,
    rid     integer not null,
    value   text    not null,
    primary key (tenant, archive, rid)
) without rowid;
create index archived_value_rid on archived_value (rid);
