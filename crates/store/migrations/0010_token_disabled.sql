-- A token can be switched off for a while, and on again.
alter table token add column disabled_at integer;
