-- One key of data as text, as `godot db index-key` indexes it. Only its first 500 characters: a b-tree cannot hold
-- an entry of more than 2,704 bytes, and a record with a longer value must not fail its batch.
-- Search with: where log_key(data, 'user_id') = '42'.
create function log_key(data jsonb, key text) returns text
language sql immutable parallel safe strict
return left(data ->> key, 500);

comment on function log_key(jsonb, text) is 'A key of data as text, at most 500 characters, as `godot db index-key` indexes it.';
