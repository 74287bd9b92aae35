-- Tasks that somebody has looked at and leaves as they are, and why. A note goes when nobody waits for its cause any more.
create table task_note (
    tenant     integer not null,
    app        integer not null,
    cause      text    not null,
    note       text    not null,
    created_at integer not null,
    created_by text    not null,
    primary key (tenant, app, cause)
) without rowid;
create index task_note_app on task_note (app);
