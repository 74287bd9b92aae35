-- Several nodes share the work: a job is one's until an instant.
alter table job add column claimed_by text;
alter table job add column claimed_until integer;
