-- People whom an operator took from their identity provider: its changes by our id are refused until it looks them up and
-- matches them anew, or an operator links them again.
create table unlinked (
    tenant      integer not null,
    rid         integer not null,
    external_id text    not null, -- what it called them, to be given back
    at          integer not null,
    unlinked_by text    not null,
    sought_at   integer,          -- when a token last found them by a filter
    sought_by   text,
    primary key (tenant, rid)
) without rowid;
