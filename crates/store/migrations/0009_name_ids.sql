-- What a logout request has to say about a NameID besides its value: format and qualifiers, as JSON.
alter table person_session add column name_id_about text;
