-- Filters of a list that an operator has given a name, each for themselves.
create table saved_view (
    tenant integer not null,
    owner  text    not null, -- the operator's e-mail address, or the label of a key
    page   text    not null, -- which list
    name   text    not null,
    query  text    not null, -- as it stands in the address
    at     integer not null,
    primary key (tenant, owner, page, name)
) without rowid;
