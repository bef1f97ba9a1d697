"""From messages to flows: hops between components, calls with their ends, losses, clocks.

One message on its way through the files, which `reconstruct.py` calls in this order:

`normal_form` made it a sighting: one row of columns. `pairing` finds its answer in what the same observer
saw, doubtful streams go to `by_hand`; both are one row of `exchange.Exchanges`. `joining` finds the other
end's view of it, and both views are one row of `call.Calls`. `nesting` says which call caused that one, and
merges retries; `ends` names callers and callees. `losses` and `clocks` say what is missing, and whose clock
is ahead; with `surroundings`, `endings` decides how the call ended. `hops` and `order` bring all messages
into one order, and `frames` makes of all this what `flow.Flow` holds.

Everywhere the plain case is decided for all rows at once; only what is left is looked at one by one.
"""
