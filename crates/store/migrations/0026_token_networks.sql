-- Networks that a token may come from, with spaces between them; from anywhere where there are none.
alter table token add column networks text;
