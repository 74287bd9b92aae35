-- When a credential was set, and its last characters where they give nothing away; since when a change waits to be applied
-- to everybody.
alter table app add column credential_at integer;
alter table app add column credential_ends text;
alter table app add column pending_at integer;

-- Values that somebody has of their own who has the app through a group: no reason to have it.
alter table assignment add column only_values integer not null default 0;
