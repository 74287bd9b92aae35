-- Persons of a directory who sign in here with a password, and the links by which they choose one.

create table person_password (
    tenant     integer not null,
    person     text    not null, -- id of the resource
    hash       text    not null, -- argon2id in the PHC form
    changed_at integer not null,
    primary key (tenant, person)
) without rowid;

create table person_link (
    hash       blob    primary key, -- SHA-256 of the secret
    tenant     integer not null,
    person     text    not null,
    created_at integer not null,
    expires_at integer not null
) without rowid;
create index person_link_person on person_link (tenant, person);
