-- The apps that were told of a session of a person, which hear as well when it ends: JSON.
alter table person_session add column told text;
