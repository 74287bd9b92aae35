-- How many steps a plan has, so that a list of plans does not read them all.

alter table plan add column step_count integer not null default 0;
