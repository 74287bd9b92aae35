-- Members that a push named and that are nobody here, until they are named no more or somebody has looked.
create table absent_member (
    tenant    integer not null,
    group_rid integer not null,
    value     text    not null,
    seen_at   integer not null,
    primary key (tenant, group_rid, value)
) without rowid;
