-- What stands around the logs: records that could not be stored, traces to keep, levels, and the daemon's ledger.

-- A record that cannot become a row, kept byte by byte until somebody repairs and retries, or purges it.
create table dead_letters (
    id         uuid        primary key,  -- derived like a record's, so a re-delivery dies once
    raw        bytea       not null,
    reason     text        not null,     -- a short, countable name
    detail     text,                     -- what exactly was wrong with this one
    component  text,
    trace_id   uuid,
    instance   text,
    seq        bigint,
    batch      text,
    dead_at    timestamptz not null default now(),
    retried_at timestamptz,
    retries    integer     not null default 0
);

create index dead_letters_time on dead_letters (dead_at);

comment on table dead_letters is 'Records that could not be stored: raw bytes and the reason.';

-- Traces that retention leaves alone.
create table pinned_traces (
    trace_id   uuid        primary key,
    owner      text        not null,
    note       text,
    pinned_at  timestamptz not null default now(),
    expires_at timestamptz  -- null: until somebody unpins it
);

comment on table pinned_traces is 'Traces that survive retention, with who wanted it and why.';

-- The level that each component should log at. Without a row a component keeps its own.
create table logger_config (
    component  text        primary key check (char_length(component) between 1 and 64),
    level      text        not null check (level in ('TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR')),
    expires_at timestamptz,  -- null: until somebody changes it
    updated_at timestamptz not null default now()
);

comment on table logger_config is 'Level by component, with an optional end.';

-- What each daemon took and what became of it, written in the transaction of the batch itself: this is the
-- database's half of the balance that `godot audit` proves.
create table ingest_ledger (
    worker         text        primary key,
    received       bigint      not null default 0,
    stored         bigint      not null default 0,
    duplicate      bigint      not null default 0,
    dead           bigint      not null default 0,
    last_commit_at timestamptz not null default now(),
    check (received = stored + duplicate + dead)
);

comment on table ingest_ledger is 'Per daemon: received = stored + duplicate + dead.';
