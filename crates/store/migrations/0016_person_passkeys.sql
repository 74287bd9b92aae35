-- Passkeys of persons of a directory who sign in here.

create table person_passkey (
    tenant     integer not null,
    id         text    not null, -- the credential's id, base64url
    person     text    not null, -- id of the resource
    label      text    not null,
    credential text    not null, -- JSON as the library keeps it
    created_at integer not null,
    used_at    integer,
    primary key (tenant, id)
) without rowid;
create index person_passkey_person on person_passkey (tenant, person, created_at);
