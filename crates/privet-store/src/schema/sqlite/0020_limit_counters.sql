-- What each node has counted of budgets of days and months, so that a restart does not begin them anew. `counter` is a keyed hash
-- of the limit's name and of whom it counts: nobody is named here.
CREATE TABLE limit_counters (
    node TEXT NOT NULL,
    counter TEXT NOT NULL,
    window_start BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    cost_nanos BIGINT NOT NULL,
    PRIMARY KEY (node, counter)
);
